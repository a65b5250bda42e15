// BERT's encoder and classifier as the paper draws them, over packed tokens.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "core/model/bert_config.h"
#include "core/model/dense.h"
#include "core/model/dropout.h"
#include "core/model/embeddings.h"
#include "core/model/layer_norm.h"
#include "core/model/token_run.h"
#include "core/model/word_projections.h"

namespace fintag {

struct EncoderLayer {
  Dense query_key_value;  // [3 * hidden, hidden]: one product instead of three
  Dense attention_output;
  LayerNorm attention_norm;
  Dense intermediate;
  Dense output;
  LayerNorm output_norm;
};

// Dropout of one training step, or none.
struct StepDropout {
  double hidden = 0;
  double attention = 0;
  double classifier = 0;
  uint64_t seed = 0;
};

struct BertNetwork {
  EmbeddingTables embeddings;
  LayerNorm embedding_norm;
  std::vector<EncoderLayer> layers;
  std::shared_ptr<const WordProjections> projections;  // a tagger's in place of the first layer's query_key_value
  Dense classifier;
  int64_t heads = 1;
  Activation activation = Activation::kGelu;

  // Every linear layer in the form that tags, in `precision` but for the classifier, which is small and decides:
  // float32. On a GPU bfloat16 is what passes from layer to layer too.
  void Convert(Precision precision);
  // All but the classifier. The weights' gradients are float32, or bfloat16 where they may be rounded, on the CPU
  // alone. On a GPU the layers' parameters are rounded once a pass (rounded_weights.h); norms stay float32.
  void TrainInMixedPrecision(bool rounded_gradients);
  int64_t bytes() const;  // of all parameters

  // As many tokens, and as many of them whose logits are wanted, or a few more where LibTorch's products are the faster
  // for it (linear.h, PaddedRows). Our own take any number.
  int64_t FilledTokens(int64_t tokens) const;
  int64_t FilledRows(int64_t rows) const;

  // [n, tags], on the parameters' device; recorded for autograd where gradients are on. Dropout is where
  // transformers' BERT has it: after the embeddings' norm, on attention probabilities, after both dense layers that
  // end a block, before the classifier.
  at::Tensor Logits(const TokenRun& tokens, const StepDropout& dropout) const;

 private:
  bool RoundsEachPass() const;
  std::vector<EncoderLayer> RoundedLayers() const;
};

}  // namespace fintag
