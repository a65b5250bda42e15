// The fields of a Hugging Face config.json that a BERT token classifier is built from.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace fintag {

enum class Activation { kGelu, kGeluTanh, kRelu };  // "gelu"; "gelu_new" and "gelu_pytorch_tanh"; "relu"

struct BertConfig {
  int64_t vocabulary_size = 0;                // vocab_size
  int64_t hidden_size = 0;                    // hidden_size
  int64_t layers = 0;                         // num_hidden_layers
  int64_t heads = 0;                          // num_attention_heads; divides hidden_size
  int64_t intermediate_size = 0;              // intermediate_size
  int64_t max_positions = 0;                  // max_position_embeddings
  int64_t token_types = 2;                    // type_vocab_size
  Activation activation = Activation::kGelu;  // hidden_act
  double layer_norm_epsilon = 1e-12;          // layer_norm_eps
  double hidden_dropout = 0.1;                // hidden_dropout_prob
  double attention_dropout = 0.1;             // attention_probs_dropout_prob
  std::optional<double> classifier_dropout;   // classifier_dropout; hidden_dropout if absent
  double initializer_range = 0.02;            // standard deviation of a fresh classifier
  int64_t padding_id = 0;                     // pad_token_id
  std::vector<std::string> tags;              // id2label in order, "O" and IOB2 tags; empty for a base encoder

  int64_t head_size() const { return hidden_size / heads; }
};

// Parses and checks config.json. INVALID_ARGUMENT names the field: another model_type, position_embedding_type or
// activation; sizes missing, not positive, too large (over 2^31 parameters) or not divisible; id2label not dense.
// `id2label` of generic names (LABEL_0, ...) or without "O" counts as none when `architectures` names no
// token classifier.
absl::StatusOr<BertConfig> ParseBertConfig(std::string_view json);

// config.json that transformers' AutoModelForTokenClassification accepts, with id2label and label2id of `tags`.
std::string BertConfigJson(const BertConfig& config);

}  // namespace fintag
