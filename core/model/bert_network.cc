#include "core/model/bert_network.h"

#include <utility>

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

}  // namespace

void BertNetwork::Convert(Precision precision) {
  const ProductKernels* kernels = embeddings.words.is_cpu() ? BestProduct(precision) : nullptr;
  const bool rounded = precision != Precision::kFloat32 && AttendsRounded() && kernels != nullptr && kernels->rounds;
  if (kernels != nullptr) {
    Dense& first = layers.front().query_key_value;
    projections = std::make_shared<const WordProjections>(embeddings, embedding_norm, first, precision, rounded);
    first = {};  // its product is there instead
  }
  for (EncoderLayer& layer : layers) {
    for (Dense* dense : {&layer.query_key_value, &layer.attention_output, &layer.intermediate, &layer.output}) {
      if (dense->weight.defined()) *dense = ConvertDense(*dense, precision);
    }
    layer.query_key_value.rounded = rounded;
  }
  classifier = ConvertDense(classifier, Precision::kFloat32);
}

void BertNetwork::TrainInMixedPrecision(bool rounded_gradients) {
  for (EncoderLayer& layer : layers) {
    for (Dense* dense : {&layer.query_key_value, &layer.attention_output, &layer.intermediate, &layer.output}) {
      dense->mixed = true;
      if (rounded_gradients) dense->weight.set_grad_dtype(at::kBFloat16);
    }
  }
}

int64_t BertNetwork::bytes() const {
  int64_t sum = classifier.bytes() + (projections ? projections->bytes() : 0);
  const auto add = [&](const at::Tensor& tensor) { sum += static_cast<int64_t>(tensor.nbytes()); };
  for (const at::Tensor& table : {embeddings.words, embeddings.positions, embeddings.token_types}) add(table);
  const auto add_norm = [&](const LayerNorm& norm) {
    add(norm.weight);
    add(norm.bias);
  };
  add_norm(embedding_norm);
  for (const EncoderLayer& layer : layers) {
    for (const Dense* dense : {&layer.query_key_value, &layer.attention_output, &layer.intermediate, &layer.output}) {
      sum += dense->bytes();
    }
    add_norm(layer.attention_norm);
    add_norm(layer.output_norm);
  }
  return sum;
}

int64_t BertNetwork::FilledTokens(int64_t tokens) const {
  const Dense& dense = layers.front().output;
  const bool own = dense.packed != nullptr || (dense.mixed && at::GradMode::is_enabled());
  return own ? tokens : PaddedRows(tokens, embeddings.words.device());
}

int64_t BertNetwork::FilledRows(int64_t rows) const {
  return classifier.packed != nullptr ? rows : PaddedRows(rows, embeddings.words.device());
}

at::Tensor BertNetwork::Logits(const TokenRun& tokens, const StepDropout& dropout) const {
  DropoutSites sites(dropout);
  at::Tensor hidden = EmbeddingSum(tokens.ids, tokens.positions, embeddings);
  at::Tensor projected;  // the first layer's queries, keys and values, where they cost no product
  if (projections) {
    NormalizedRows normalized = NormalizeRows(hidden, embedding_norm);
    projected = projections->Project(tokens.ids, tokens.positions, normalized.rstd);
    hidden = std::move(normalized.y);
  } else {
    hidden = ApplyDropout(ResidualLayerNorm(hidden, at::Tensor(), embedding_norm, Dropout()), sites.Hidden());
  }
  for (const EncoderLayer& layer : layers) {
    if (!projected.defined()) projected = Apply(layer.query_key_value, hidden);
    at::Tensor context =
        PackedAttention(std::exchange(projected, at::Tensor()), tokens.offsets, heads, sites.Attention());
    // Beyond the last attention no token sees another: the others' rows can go.
    if (&layer == &layers.back()) {
      const at::Tensor rows = tokens.rows.to(hidden.device());
      context = context.index_select(0, rows);
      hidden = hidden.index_select(0, rows);
    }
    hidden = ResidualLayerNorm(Apply(layer.attention_output, context), hidden, layer.attention_norm, sites.Hidden());
    const at::Tensor out = FeedForward(layer.intermediate, layer.output, hidden, activation);
    hidden = ResidualLayerNorm(out, hidden, layer.output_norm, sites.Hidden());
  }
  return Apply(classifier, ApplyDropout(hidden, sites.Classifier()));
}

}  // namespace fintag
