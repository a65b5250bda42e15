#include "core/model/bert_tensors.h"

#include <utility>

#include "core/model/stored_tensor.h"
#include "core/text/strings.h"

namespace fintag {
namespace {

// Lists the parameters of a layer under its name.
class TensorList {
 public:
  void Linear(std::string_view name, int64_t inputs, int64_t outputs) {
    Add(name, ".weight", {outputs, inputs});
    Add(name, ".bias", {outputs});
  }
  void Norm(std::string_view name, int64_t size) {
    Add(name, ".weight", {size});
    Add(name, ".bias", {size});
  }
  void Embedding(std::string_view name, int64_t rows, int64_t size) { Add(name, ".weight", {rows, size}); }

  std::vector<BertTensor> Take() { return std::move(tensors_); }

 private:
  void Add(std::string_view name, std::string_view parameter, std::vector<int64_t> shape) {
    tensors_.push_back({StrCat(name, parameter), std::move(shape)});
  }

  std::vector<BertTensor> tensors_;
};

absl::Status CheckTensor(const BertTensor& expected, const TensorMap& tensors) {
  const auto found = tensors.find(expected.name);
  if (found == tensors.end()) {
    return absl::InvalidArgumentError(
        StrCat("tensor ", expected.name, " of shape ", ShapeText(expected.shape), " is missing"));
  }
  if (found->second.sizes() != at::IntArrayRef(expected.shape)) {
    return absl::InvalidArgumentError(StrCat("tensor ", expected.name, " has shape ",
                                             ShapeText(found->second.sizes().vec()), "; config.json calls for ",
                                             ShapeText(expected.shape)));
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<BertTensor> EncoderTensors(const BertConfig& config) {
  const int64_t hidden = config.hidden_size;
  TensorList list;
  list.Embedding("bert.embeddings.word_embeddings", config.vocabulary_size, hidden);
  list.Embedding("bert.embeddings.position_embeddings", config.max_positions, hidden);
  list.Embedding("bert.embeddings.token_type_embeddings", config.token_types, hidden);
  list.Norm("bert.embeddings.LayerNorm", hidden);
  for (int64_t layer = 0; layer < config.layers; ++layer) {
    const std::string prefix = StrCat("bert.encoder.layer.", layer);
    for (const char* product : {"query", "key", "value"}) {
      list.Linear(StrCat(prefix, ".attention.self.", product), hidden, hidden);
    }
    list.Linear(StrCat(prefix, ".attention.output.dense"), hidden, hidden);
    list.Norm(StrCat(prefix, ".attention.output.LayerNorm"), hidden);
    list.Linear(StrCat(prefix, ".intermediate.dense"), hidden, config.intermediate_size);
    list.Linear(StrCat(prefix, ".output.dense"), config.intermediate_size, hidden);
    list.Norm(StrCat(prefix, ".output.LayerNorm"), hidden);
  }
  return list.Take();
}

std::vector<BertTensor> ClassifierTensors(const BertConfig& config) {
  TensorList list;
  if (!config.tags.empty()) list.Linear("classifier", config.hidden_size, static_cast<int64_t>(config.tags.size()));
  return list.Take();
}

std::string CanonicalTensorName(std::string_view name) {
  std::string canonical(name);
  for (const std::string_view part : {"embeddings.", "encoder.", "pooler."}) {
    if (name.starts_with(part)) canonical = StrCat("bert.", name);
  }
  // TensorFlow's names, kept by the first PyTorch ports.
  for (const auto& [old_end, end] :
       {std::pair("LayerNorm.gamma", "LayerNorm.weight"), std::pair("LayerNorm.beta", "LayerNorm.bias")}) {
    if (canonical.ends_with(old_end)) canonical.replace(canonical.rfind(old_end), std::string::npos, end);
  }
  return canonical;
}

std::string_view ReasonToIgnore(std::string_view canonical_name) {
  if (canonical_name.starts_with("bert.pooler.")) return "pooler, not used";
  if (canonical_name.starts_with("cls.predictions.")) return "masked-language head, not used";
  if (canonical_name.starts_with("cls.seq_relationship.")) return "next-sentence head, not used";
  if (canonical_name.starts_with("classifier.")) return "classifier without tags in config.json, not used";
  if (canonical_name == "bert.embeddings.position_ids" || canonical_name == "bert.embeddings.token_type_ids") {
    return "constant buffer, not used";
  }
  return "unexpected, not used";
}

absl::Status CheckTensors(const BertConfig& config, const TensorMap& tensors) {
  for (const BertTensor& expected : EncoderTensors(config)) {
    if (absl::Status status = CheckTensor(expected, tensors); !status.ok()) return status;
  }
  if (!tensors.contains("classifier.weight") && !tensors.contains("classifier.bias")) return absl::OkStatus();
  for (const BertTensor& expected : ClassifierTensors(config)) {
    if (absl::Status status = CheckTensor(expected, tensors); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace fintag
