// Numbers, sizes and times as a person reads them.
#pragma once

#include <google/protobuf/timestamp.pb.h>

#include <cstdint>
#include <string>

namespace fintag::client {

std::string WithCommas(int64_t number);                         // "1,163"
std::string SizeText(int64_t bytes);                            // "812 B", "90.9 MB"
std::string CountText(int64_t number);                          // "22.7 M"; below 10,000 as it is
std::string ScoreText(double score);                            // "0.8123"
std::string LossText(double loss);                              // "0.1234", "1.3e-05"
std::string ClockText(double seconds);                          // "0:42", "1:02:03"; "-:--" if it is not known
std::string TimeText(const google::protobuf::Timestamp& time);  // "2025-11-23 20:37", local; empty for none

}  // namespace fintag::client
