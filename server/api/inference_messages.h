// Between the Open Inference Protocol's tensors and a tag request by the names of fintag.v1.
#pragma once

#include <fintag/v1/tagging.pb.h>
#include <inference/infer.pb.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace fintag::server {

inline constexpr char kTextTensor[] = "TEXT";
inline constexpr char kEntitiesTensor[] = "ENTITIES";
inline constexpr char kTagsTensor[] = "TAGS";
inline constexpr char kTokensTensor[] = "TOKENS";
inline constexpr const char* kOutputTensors[] = {kEntitiesTensor, kTagsTensor, kTokensTensor};
inline constexpr char kBytes[] = "BYTES";

// A ModelInferRequest, understood.
struct InferQuestion {
  std::string model;  // resource name
  google::protobuf::RepeatedPtrField<fintag::v1::TextInput> inputs;
  fintag::v1::TagOptions options;
  std::vector<std::string> outputs;  // names of tensors, as asked for
  std::optional<std::chrono::microseconds> timeout;
};

// "models/{id}" or, where `version` is not empty, "models/{id}/versions/{n}". INVALID_ARGUMENT names the field.
absl::StatusOr<std::string> InferenceModelName(const std::string& id, std::string_view id_field,
                                               const std::string& version, std::string_view version_field);

// INVALID_ARGUMENT names the field. At most `max_texts` texts.
absl::StatusOr<InferQuestion> ReadInferRequest(const inference::ModelInferRequest& request, int32_t max_texts);

// `tagged` answers `question`, which `request` was read to.
inference::ModelInferResponse MakeInferResponse(const inference::ModelInferRequest& request,
                                                const InferQuestion& question, const fintag::v1::TagResponse& tagged);

}  // namespace fintag::server
