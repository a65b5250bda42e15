#include "core/model/bert_network.h"

#include "core/model/linear.h"
#include "core/model/packed_attention.h"

namespace fintag {
namespace {

// Numbers the dropout layers of a step in the order in which the forward pass meets them.
class DropoutSites {
 public:
  explicit DropoutSites(const StepDropout& step) : step_(step) {}
  Dropout Hidden() { return DropoutAt(step_.hidden, step_.seed, next_++); }
  Dropout Attention() { return DropoutAt(step_.attention, step_.seed, next_++); }
  Dropout Classifier() { return DropoutAt(step_.classifier, step_.seed, next_++); }

 private:
  const StepDropout& step_;
  uint64_t next_ = 0;
};

at::Tensor Apply(const Dense& dense, const at::Tensor& x) { return Linear(x, dense.weight, dense.bias); }

}  // namespace

at::Tensor BertNetwork::Logits(const TokenRun& tokens, const StepDropout& dropout) const {
  DropoutSites sites(dropout);
  at::Tensor hidden = EmbeddingSum(tokens.ids, tokens.positions, embeddings);
  hidden = ResidualLayerNorm(hidden, at::Tensor(), embedding_norm, Dropout());
  hidden = ApplyDropout(hidden, sites.Hidden());
  for (const EncoderLayer& layer : layers) {
    at::Tensor context =
        PackedAttention(Apply(layer.query_key_value, hidden), tokens.offsets, heads, sites.Attention());
    // Beyond the last attention no token sees another: the others' rows can go.
    if (tokens.rows.defined() && &layer == &layers.back()) {
      const at::Tensor rows = tokens.rows.to(hidden.device());
      context = context.index_select(0, rows);
      hidden = hidden.index_select(0, rows);
    }
    hidden = ResidualLayerNorm(Apply(layer.attention_output, context), hidden, layer.attention_norm, sites.Hidden());
    const at::Tensor expanded =
        LinearActivation(hidden, layer.intermediate.weight, layer.intermediate.bias, activation);
    hidden = ResidualLayerNorm(Apply(layer.output, expanded), hidden, layer.output_norm, sites.Hidden());
  }
  return Apply(classifier, ApplyDropout(hidden, sites.Classifier()));
}

}  // namespace fintag
