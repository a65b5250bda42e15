// Names for requests, so that a retry is known as one.
#pragma once

#include <string>

namespace fintag::client {

// 32 random hexadecimal digits.
std::string NewRequestId();

}  // namespace fintag::client
