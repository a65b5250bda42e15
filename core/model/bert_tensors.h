// Which tensors a BERT token classifier has, and what the names in other people's files stand for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "core/model/bert_config.h"
#include "core/model/checkpoint_folder.h"

namespace fintag {

struct BertTensor {
  std::string name;  // as transformers' BertForTokenClassification names it
  std::vector<int64_t> shape;
};

// All tensors of the encoder, from the embeddings upwards.
std::vector<BertTensor> EncoderTensors(const BertConfig& config);

// classifier.weight and classifier.bias; none where `config` has no tags.
std::vector<BertTensor> ClassifierTensors(const BertConfig& config);

// The name in BertForTokenClassification for one in a file: bare names gain "bert.", LayerNorm's gamma and beta become
// weight and bias. Other names stay as they are.
std::string CanonicalTensorName(std::string_view name);

// Why a tensor that is none of the above is left out, for a note: "pooler, not used".
std::string_view ReasonToIgnore(std::string_view canonical_name);

// INVALID_ARGUMENT names the first tensor of `config` that `tensors` lacks or has in another shape. A classifier may
// be absent as a whole.
absl::Status CheckTensors(const BertConfig& config, const TensorMap& tensors);

}  // namespace fintag
