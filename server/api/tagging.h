// A tag request's way through the server, the same for every service that takes one: check, load the model, encode,
// run, decode, count.
#pragma once

#include <fintag/v1/tagging.pb.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <string>

#include "absl/status/status.h"
#include "server/api/call.h"
#include "server/serving/loaded_models.h"

namespace fintag::server {

struct TaggingLimits {
  int64_t max_text_bytes = 1 << 20;  // of one text
  int32_t max_texts = 1024;          // of one request
};

// What is asked, by the names of fintag.v1. It refers to the caller's message.
struct TagQuestion {
  const std::string& model;
  const google::protobuf::RepeatedPtrField<fintag::v1::TextInput>& inputs;
  const fintag::v1::TagOptions& options;
  const char* inputs_field = "inputs";  // what errors call `inputs`
  std::string caller = {};
  std::string trace_id = {};
  // Beside the call's own.
  std::chrono::system_clock::time_point deadline = std::chrono::system_clock::time_point::max();
};

class Tagging {
 public:
  Tagging(const CallEnvironment& environment, LoadedModels& models, const TaggingLimits& limits)
      : metrics_(environment.metrics), callers_(environment.callers), models_(models), limits_(limits) {}

  // INVALID_ARGUMENT with the field, and the errors of LoadedModels::Get, CallerLimits::TakeTokens and
  // TagScheduler::Run.
  absl::Status Tag(grpc::ServerContext& context, const TagQuestion& question, fintag::v1::TagResponse& response) const;

  const TaggingLimits& limits() const { return limits_; }

 private:
  Metrics& metrics_;
  CallerLimits& callers_;
  LoadedModels& models_;
  const TaggingLimits limits_;
};

}  // namespace fintag::server
