#include "server/api/model_descriptions.h"

#include <cmath>

#include "absl/strings/str_join.h"
#include "server/api/inference_messages.h"
#include "server/api/messages.h"

namespace fintag::server {
namespace {

constexpr char kPlatform[] = "fintag_libtorch";

inference::StatisticDuration ToMessage(const DurationSum& sum) {
  inference::StatisticDuration message;
  message.set_count(static_cast<uint64_t>(sum.count));
  message.set_ns(static_cast<uint64_t>(std::llround(sum.seconds * 1e9)));
  return message;
}

}  // namespace

inference::ModelMetadataResponse DescribeModel(const std::vector<ModelVersion>& versions) {
  inference::ModelMetadataResponse message;
  message.set_name(versions.front().model);
  message.set_platform(kPlatform);
  for (const ModelVersion& version : versions) message.add_versions(std::to_string(version.version));
  const auto describe = [](const char* name, inference::ModelMetadataResponse::TensorMetadata& tensor) {
    tensor.set_name(name);
    tensor.set_datatype(kBytes);
    tensor.add_shape(-1);
  };
  describe(kTextTensor, *message.add_inputs());
  for (const char* output : kOutputTensors) describe(output, *message.add_outputs());
  return message;
}

inference::ModelConfig DescribeConfig(const ModelVersion& version, const TaggingLimits& limits) {
  inference::ModelConfig message;
  message.set_name(version.model);
  message.set_platform(kPlatform);
  message.set_backend("fintag");
  const auto describe = [](const char* name, auto& tensor) {
    tensor.set_name(name);
    tensor.set_data_type(inference::TYPE_STRING);
    tensor.add_dims(-1);
  };
  describe(kTextTensor, *message.add_input());
  for (const char* output : kOutputTensors) describe(output, *message.add_output());
  auto& parameters = *message.mutable_parameters();
  parameters["version"].set_string_value(std::to_string(version.version));
  parameters["labels"].set_string_value(absl::StrJoin(ToMessage(version).labels(), ","));
  parameters["max_texts"].set_string_value(std::to_string(limits.max_texts));
  parameters["max_text_bytes"].set_string_value(std::to_string(limits.max_text_bytes));
  return message;
}

inference::RepositoryIndexResponse::ModelIndex DescribeState(const ModelVersion& version,
                                                             const absl::Status& readiness) {
  inference::RepositoryIndexResponse::ModelIndex message;
  message.set_name(version.model);
  message.set_version(std::to_string(version.version));
  message.set_state(readiness.ok() ? "READY" : "UNAVAILABLE");
  message.set_reason(std::string(readiness.message()));
  return message;
}

inference::ModelStatistics DescribeStatistics(const ModelVersion& version, const VersionFigures& figures) {
  inference::ModelStatistics message;
  message.set_name(version.model);
  message.set_version(std::to_string(version.version));
  message.set_last_inference(static_cast<uint64_t>(figures.last_answer_ms));
  message.set_inference_count(static_cast<uint64_t>(figures.texts));
  message.set_execution_count(static_cast<uint64_t>(figures.forward.count));
  inference::InferStatistics& sums = *message.mutable_inference_stats();
  *sums.mutable_success() = ToMessage(figures.success);
  *sums.mutable_fail() = ToMessage(figures.failure);
  *sums.mutable_queue() = ToMessage(figures.queue);
  *sums.mutable_compute_input() = ToMessage(figures.encode);
  *sums.mutable_compute_infer() = ToMessage(figures.forward);
  *sums.mutable_compute_output() = ToMessage(figures.decode);
  return message;
}

}  // namespace fintag::server
