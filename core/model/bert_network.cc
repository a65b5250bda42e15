#include "core/model/bert_network.h"

#include <ATen/core/grad_mode.h>

#include <array>
#include <utility>

#include "core/model/linear.h"
#include "core/model/packed_attention.h"
#include "core/model/rounded_weights.h"

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

// Of a layer, const or not.
template <typename Layer>
auto DensesOf(Layer& layer) {
  return std::array{&layer.query_key_value, &layer.attention_output, &layer.intermediate, &layer.output};
}

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
    for (Dense* dense : DensesOf(layer)) {
      if (dense->weight.defined()) *dense = ConvertDense(*dense, precision);
    }
    layer.query_key_value.rounded = rounded;
  }
  classifier = ConvertDense(classifier, Precision::kFloat32);
  if (precision != Precision::kBFloat16 || embeddings.words.is_cpu()) return;
  for (EncoderLayer& layer : layers) {
    for (LayerNorm* norm : {&layer.attention_norm, &layer.output_norm}) {
      norm->weight = norm->weight.detach().to(at::kBFloat16);
      norm->bias = norm->bias.detach().to(at::kBFloat16);
    }
  }
}

void BertNetwork::TrainInMixedPrecision(bool rounded_gradients) {
  for (EncoderLayer& layer : layers) {
    for (Dense* dense : DensesOf(layer)) {
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
    for (const Dense* dense : DensesOf(layer)) {
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

bool BertNetwork::RoundsEachPass() const {
  return layers.front().output.mixed && at::GradMode::is_enabled() && !embeddings.words.is_cpu();
}

std::vector<EncoderLayer> BertNetwork::RoundedLayers() const {
  std::vector<EncoderLayer> rounded = layers;
  std::vector<Dense*> places;
  std::vector<at::Tensor> exact;
  for (EncoderLayer& layer : rounded) {
    for (Dense* dense : DensesOf(layer)) {
      places.push_back(dense);
      exact.insert(exact.end(), {dense->weight, dense->bias});
    }
  }
  const std::vector<at::Tensor> tensors = RoundWeights(exact);
  for (size_t i = 0; i < places.size(); ++i) {
    *places[i] = {.weight = tensors[2 * i], .bias = tensors[2 * i + 1], .rounded = true};
  }
  return rounded;
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
  const std::vector<EncoderLayer> rounded = RoundsEachPass() ? RoundedLayers() : std::vector<EncoderLayer>();
  const std::vector<EncoderLayer>& encoder = rounded.empty() ? layers : rounded;
  hidden = hidden.to(encoder.front().attention_norm.weight.scalar_type());
  for (const EncoderLayer& layer : encoder) {
    if (!projected.defined()) projected = Apply(layer.query_key_value, hidden);
    at::Tensor context =
        PackedAttention(std::exchange(projected, at::Tensor()), tokens.offsets, heads, sites.Attention());
    // Beyond the last attention no token sees another: the others' rows can go.
    if (&layer == &encoder.back()) {
      context = context.index_select(0, tokens.rows);
      hidden = hidden.index_select(0, tokens.rows);
    }
    hidden = ResidualLayerNorm(Apply(layer.attention_output, context), hidden, layer.attention_norm, sites.Hidden());
    const at::Tensor out = FeedForward(layer.intermediate, layer.output, hidden, activation);
    hidden = ResidualLayerNorm(out, hidden, layer.output_norm, sites.Hidden());
  }
  return Apply(classifier, ApplyDropout(hidden.to(at::kFloat), sites.Classifier()));
}

}  // namespace fintag
