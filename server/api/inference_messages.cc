#include "server/api/inference_messages.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "core/text/quoted.h"
#include "core/text/strings.h"
#include "server/api/bytes_tensor.h"
#include "server/api/resource_name.h"
#include "server/api/status_conversion.h"
#include "server/storage/resource_name.h"

namespace fintag::server {
namespace {

using nlohmann::ordered_json;

constexpr char kRawField[] = "raw_input_contents";
constexpr char kContentsField[] = "inputs[0].contents";

absl::Status CheckTensor(const inference::ModelInferRequest::InferInputTensor& tensor, int32_t max_texts) {
  if (tensor.name() != kTextTensor)
    return BadField("inputs[0].name", StrCat("must be TEXT, is ", Quoted(tensor.name())));
  if (tensor.datatype() != kBytes) {
    return BadField("inputs[0].datatype", StrCat("must be BYTES, is ", Quoted(tensor.datatype())));
  }
  const auto& shape = tensor.shape();
  const bool is_list = shape.size() == 1 || (shape.size() == 2 && shape[1] == 1);
  if (!is_list || shape[0] < 1 || shape[0] > max_texts) {
    return BadField("inputs[0].shape", StrCat("must be [n] or [n, 1] with n from 1 to ", max_texts, ", is [",
                                              OneLine(std::string(absl::StrJoin(shape, ", ")), 100), "]"));
  }
  for (const auto& [name, value] : tensor.parameters()) {
    if (name != "binary_data_size") {
      return BadField("inputs[0].parameters", StrCat("has ", Quoted(name), ", which is not known"));
    }
  }
  return absl::OkStatus();
}

// The texts, from whichever of the two places they are in.
absl::StatusOr<std::vector<std::string_view>> ReadTexts(const inference::ModelInferRequest& request) {
  const auto& tensor = request.inputs(0);
  const int64_t count = tensor.shape(0);
  const inference::InferTensorContents& contents = tensor.contents();
  if (request.raw_input_contents().empty()) {
    if (contents.bool_contents_size() + contents.int_contents_size() + contents.int64_contents_size() +
            contents.uint_contents_size() + contents.uint64_contents_size() + contents.fp32_contents_size() +
            contents.fp64_contents_size() >
        0) {
      return BadField(kContentsField, "must have bytes_contents alone");
    }
    if (contents.bytes_contents_size() != count) {
      return BadField(StrCat(kContentsField, ".bytes_contents"),
                      StrCat("has ", contents.bytes_contents_size(), " texts, the shape says ", count));
    }
    return std::vector<std::string_view>(contents.bytes_contents().begin(), contents.bytes_contents().end());
  }
  if (contents.ByteSizeLong() > 0) {
    return BadField(kRawField, "must be empty where an input has contents, or the contents must be");
  }
  if (request.raw_input_contents_size() != 1) {
    return BadField(kRawField, StrCat("must have one entry, that of TEXT, has ", request.raw_input_contents_size()));
  }
  absl::StatusOr<std::vector<std::string_view>> texts = ReadElements(request.raw_input_contents(0), count);
  if (!texts.ok()) return BadField(StrCat(kRawField, "[0]"), std::string(texts.status().message()));
  return texts;
}

absl::Status ReadTimeout(const inference::InferParameter& value, InferQuestion& question) {
  constexpr int64_t kLongest = int64_t{1000000} * 60 * 60 * 24;
  const bool is_number = value.parameter_choice_case() == inference::InferParameter::kInt64Param ||
                         (value.has_uint64_param() && value.uint64_param() <= static_cast<uint64_t>(kLongest));
  const int64_t microseconds =
      value.has_uint64_param() ? static_cast<int64_t>(value.uint64_param()) : value.int64_param();
  if (!is_number || microseconds < 1 || microseconds > kLongest) {
    return BadField("parameters[timeout]", "must be a whole number of microseconds, from 1 to those of a day");
  }
  question.timeout = std::chrono::microseconds(microseconds);
  return absl::OkStatus();
}

absl::Status ReadParameters(const inference::ModelInferRequest& request, InferQuestion& question) {
  for (const auto& [name, value] : request.parameters()) {
    if (name == "decoding") {
      if (value.string_param() == "constrained") {
        question.options.set_decoding(fintag::v1::DECODING_CONSTRAINED);
      } else if (value.string_param() != "argmax") {
        return BadField("parameters[decoding]", "must be the string \"argmax\" or \"constrained\"");
      }
    } else if (name == "timeout") {
      if (absl::Status status = ReadTimeout(value, question); !status.ok()) return status;
    } else if (name != "triton_enable_empty_final_response") {  // each request has one answer: nothing to do
      return BadField("parameters", StrCat("has ", Quoted(name), ", which is not known: decoding and timeout are"));
    }
  }
  return absl::OkStatus();
}

absl::Status ReadOutputs(const inference::ModelInferRequest& request, InferQuestion& question) {
  for (int i = 0; i < request.outputs_size(); ++i) {
    const auto& output = request.outputs(i);
    if (std::find(std::begin(kOutputTensors), std::end(kOutputTensors), output.name()) == std::end(kOutputTensors)) {
      return BadField(StrCat("outputs[", i, "].name"),
                      StrCat("must be ENTITIES, TAGS or TOKENS, is ", Quoted(output.name())));
    }
    if (std::count(question.outputs.begin(), question.outputs.end(), output.name()) > 0) {
      return BadField(StrCat("outputs[", i, "].name"), StrCat(output.name(), " is asked for twice"));
    }
    if (!output.parameters().empty()) {
      return BadField(StrCat("outputs[", i, "].parameters"),
                      StrCat("has ", Quoted(output.parameters().begin()->first), ", which is not known"));
    }
    if (output.name() != kEntitiesTensor) question.options.set_include_words(true);
    question.outputs.push_back(output.name());
  }
  if (question.outputs.empty()) question.outputs = {kEntitiesTensor};
  return absl::OkStatus();
}

// Six digits say all that a float's score means; as a double it would be written with seventeen.
double Rounded(float score) {
  double rounded = 0;
  return absl::SimpleAtod(absl::StrFormat("%.6g", score), &rounded) ? rounded : score;
}

// One text's document in the tensor `output`.
ordered_json ToJson(const fintag::v1::TaggedText& text, const std::string& output) {
  ordered_json document = ordered_json::array();
  if (output == kEntitiesTensor) {
    for (const fintag::v1::Entity& entity : text.entities()) {
      document.push_back({{"text", entity.text()},
                          {"label", entity.label()},
                          {"start", entity.start()},
                          {"end", entity.end()},
                          {"score", Rounded(entity.score())}});
    }
    return document;
  }
  for (const fintag::v1::TaggedWord& word : text.words()) {
    document.push_back(output == kTagsTensor ? word.tag() : word.text());
  }
  return document;
}

}  // namespace

absl::StatusOr<std::string> InferenceModelName(const std::string& id, std::string_view id_field,
                                               const std::string& version, std::string_view version_field) {
  if (absl::Status status = CheckId(id, id_field); !status.ok()) return status;
  const std::string model = StrCat("models/", id);
  if (version.empty()) return model;
  std::string name = StrCat(model, "/versions/", version);
  if (!ParseModelName(name).ok()) {
    return BadField(std::string(version_field),
                    StrCat("must be a number from 1, or empty for the newest tagger, is ", Quoted(version)));
  }
  return name;
}

absl::StatusOr<InferQuestion> ReadInferRequest(const inference::ModelInferRequest& request, int32_t max_texts) {
  InferQuestion question;
  absl::StatusOr<std::string> model =
      InferenceModelName(request.model_name(), "model_name", request.model_version(), "model_version");
  if (!model.ok()) return model.status();
  question.model = *std::move(model);
  if (request.inputs_size() != 1) {
    return BadField("inputs", StrCat("must be one tensor, TEXT, are ", request.inputs_size()));
  }
  if (absl::Status status = CheckTensor(request.inputs(0), max_texts); !status.ok()) return status;
  if (absl::Status status = ReadParameters(request, question); !status.ok()) return status;
  if (absl::Status status = ReadOutputs(request, question); !status.ok()) return status;
  absl::StatusOr<std::vector<std::string_view>> texts = ReadTexts(request);
  if (!texts.ok()) return texts.status();
  for (const std::string_view text : *texts) question.inputs.Add()->set_text(text.data(), text.size());
  return question;
}

inference::ModelInferResponse MakeInferResponse(const inference::ModelInferRequest& request,
                                                const InferQuestion& question, const fintag::v1::TagResponse& tagged) {
  inference::ModelInferResponse response;
  response.set_id(request.id());
  response.set_model_name(request.model_name());
  if (const absl::StatusOr<ModelName> version = ParseModelName(tagged.model_version()); version.ok()) {
    response.set_model_version(StrCat(version->version.value_or(0)));
  }
  for (const std::string& output : question.outputs) {
    inference::ModelInferResponse::InferOutputTensor& tensor = *response.add_outputs();
    tensor.set_name(output);
    tensor.set_datatype(kBytes);
    tensor.add_shape(tagged.results_size());
    std::string& raw = *response.add_raw_output_contents();
    for (const fintag::v1::TaggedText& text : tagged.results()) AppendElement(ToJson(text, output).dump(), raw);
  }
  return response;
}

}  // namespace fintag::server
