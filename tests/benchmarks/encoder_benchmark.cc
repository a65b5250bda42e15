// The encoder's parts and whole at the sizes of MiniLM (6 layers of 384, random weights), on sentences of FIN's
// lengths; two threads unless OMP_NUM_THREADS says otherwise. items_per_second are tokens.
//
//     GOMP_SPINCOUNT=1000 encoder_benchmark [--benchmark_filter=REGEX]
//
// GFLOPs counts the matrix products of linear layers alone: its distance from Linear's is what all else costs.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <random>

#include "benchmark/benchmark.h"
#include "core/model/bert_tensors.h"
#include "core/model/dense.h"
#include "core/model/embeddings.h"
#include "core/model/layer_norm.h"
#include "core/model/linear.h"
#include "core/model/packed_attention.h"
#include "core/model/token_classifier.h"
#include "tests/core/model/all_logits.h"

namespace fintag {
namespace {

constexpr int64_t kHidden = 384;
constexpr int64_t kHeads = 12;
constexpr int64_t kIntermediate = 1536;
constexpr int64_t kLayers = 6;
constexpr int64_t kVocabulary = 30522;

// Lengths as a log-normal distribution: median 22, mean 29, as far as 400.
std::vector<int64_t> Lengths(int64_t sentences) {
  std::mt19937 generator(1);
  std::lognormal_distribution<double> length(3.1, 0.75);
  std::vector<int64_t> lengths;
  for (int64_t i = 0; i < sentences; ++i) {
    lengths.push_back(std::clamp<int64_t>(static_cast<int64_t>(length(generator)), 3, 400));
  }
  return lengths;
}

PackedBatch Batch(int64_t sentences) {
  std::mt19937 generator(2);
  PackedBatch batch;
  for (int64_t length : Lengths(sentences)) {
    std::vector<int32_t> ids(static_cast<size_t>(length));
    for (int32_t& id : ids) id = static_cast<int32_t>(generator() % kVocabulary);
    batch.Add(ids);
  }
  return batch;
}

void CountProducts(benchmark::State& state, double products_a_token, int64_t tokens) {
  const double iterations = static_cast<double>(state.iterations());
  state.SetItemsProcessed(state.iterations() * tokens);
  state.counters["GFLOPs"] = benchmark::Counter(2e-9 * products_a_token * static_cast<double>(tokens) * iterations,
                                                benchmark::Counter::kIsRate);
}

constexpr double kProductsAToken = kLayers * (4.0 * kHidden * kHidden + 2.0 * kHidden * kIntermediate);

void LinearForward(benchmark::State& state) {
  const at::NoGradGuard no_gradient;
  const at::Tensor x = at::randn({state.range(0), kHidden});
  const at::Tensor weight = at::randn({kIntermediate, kHidden});
  const at::Tensor bias = at::randn({kIntermediate});
  for (auto _ : state) benchmark::DoNotOptimize(LinearActivation(x, weight, bias, Activation::kGelu));
  CountProducts(state, kHidden * kIntermediate, state.range(0));
}
BENCHMARK(LinearForward)->Arg(16)->Arg(240)->Arg(2048)->UseRealTime();

// As a tagger has the layer in each precision; the last two arguments are its inputs and outputs.
void LinearOfTagger(benchmark::State& state, Precision precision) {
  const at::NoGradGuard no_gradient;
  const int64_t in = state.range(1);
  const int64_t out = state.range(2);
  const at::Tensor x = at::randn({state.range(0), in});
  const Dense dense = ConvertDense({.weight = at::randn({out, in}), .bias = at::randn({out})}, precision);
  for (auto _ : state) benchmark::DoNotOptimize(Apply(dense, x));
  CountProducts(state, static_cast<double>(in * out), state.range(0));
}
void Shapes(benchmark::internal::Benchmark* benchmark) {
  for (const int64_t rows : {16, 240, 2048}) {
    benchmark->Args({rows, kHidden, kIntermediate})->Args({rows, kIntermediate, kHidden});
  }
  benchmark->UseRealTime();
}
BENCHMARK_CAPTURE(LinearOfTagger, fp32, Precision::kFloat32)->Apply(Shapes);
BENCHMARK_CAPTURE(LinearOfTagger, bf16, Precision::kBFloat16)->Apply(Shapes);
BENCHMARK_CAPTURE(LinearOfTagger, int8, Precision::kInt8)->Apply(Shapes);

void LinearTraining(benchmark::State& state) {
  at::Tensor x = at::randn({state.range(0), kHidden}).requires_grad_();
  at::Tensor weight = at::randn({kIntermediate, kHidden}).requires_grad_();
  at::Tensor bias = at::randn({kIntermediate}).requires_grad_();
  const at::Tensor dy = at::randn({state.range(0), kIntermediate});
  for (auto _ : state) {
    LinearActivation(x, weight, bias, Activation::kGelu).backward(dy);
    for (at::Tensor* leaf : {&x, &weight, &bias}) leaf->mutable_grad().reset();
  }
  CountProducts(state, 3 * kHidden * kIntermediate, state.range(0));
}
BENCHMARK(LinearTraining)->Arg(240)->Arg(2048)->UseRealTime();

at::Tensor Offsets(const PackedBatch& batch) { return at::tensor(batch.offsets, at::kLong); }

void AttentionForward(benchmark::State& state, at::ScalarType type) {
  const at::NoGradGuard no_gradient;
  const PackedBatch batch = Batch(state.range(0));
  const at::Tensor qkv = at::randn({batch.tokens(), 3 * kHidden}).to(type);
  const at::Tensor offsets = Offsets(batch);
  for (auto _ : state) benchmark::DoNotOptimize(PackedAttention(qkv, offsets, kHeads, Dropout()));
  state.SetItemsProcessed(state.iterations() * batch.tokens());
}
BENCHMARK_CAPTURE(AttentionForward, fp32, at::kFloat)->Arg(8)->Arg(64)->UseRealTime();
BENCHMARK_CAPTURE(AttentionForward, bf16, at::kBFloat16)->Arg(8)->Arg(64)->UseRealTime();

void AttentionTraining(benchmark::State& state) {
  const PackedBatch batch = Batch(state.range(0));
  at::Tensor qkv = at::randn({batch.tokens(), 3 * kHidden}).requires_grad_();
  const at::Tensor dy = at::randn({batch.tokens(), kHidden});
  const at::Tensor offsets = Offsets(batch);
  for (auto _ : state) {
    PackedAttention(qkv, offsets, kHeads, DropoutAt(0.1, 1, 2)).backward(dy);
    qkv.mutable_grad().reset();
  }
  state.SetItemsProcessed(state.iterations() * batch.tokens());
}
BENCHMARK(AttentionTraining)->Arg(8)->Arg(64)->UseRealTime();

void AttentionOfOneLongSequence(benchmark::State& state, at::ScalarType type) {
  const at::NoGradGuard no_gradient;
  const at::Tensor qkv = at::randn({state.range(0), 3 * kHidden}).to(type);
  const at::Tensor offsets = at::tensor({int64_t{0}, state.range(0)}, at::kLong);
  for (auto _ : state) benchmark::DoNotOptimize(PackedAttention(qkv, offsets, kHeads, Dropout()));
  CountProducts(state, 2.0 * kHidden * static_cast<double>(state.range(0)), state.range(0));
}
BENCHMARK_CAPTURE(AttentionOfOneLongSequence, fp32, at::kFloat)->Arg(128)->Arg(512)->UseRealTime();
BENCHMARK_CAPTURE(AttentionOfOneLongSequence, bf16, at::kBFloat16)->Arg(128)->Arg(512)->UseRealTime();

void ResidualLayerNormTraining(benchmark::State& state) {
  at::Tensor x = at::randn({state.range(0), kHidden}).requires_grad_();
  at::Tensor residual = at::randn({state.range(0), kHidden}).requires_grad_();
  LayerNorm norm{at::ones({kHidden}).requires_grad_(), at::zeros({kHidden}).requires_grad_(), 1e-12};
  const at::Tensor dy = at::randn({state.range(0), kHidden});
  for (auto _ : state) {
    ResidualLayerNorm(x, residual, norm, DropoutAt(0.1, 1, 2)).backward(dy);
    for (at::Tensor* leaf : {&x, &residual, &norm.weight, &norm.bias}) leaf->mutable_grad().reset();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(ResidualLayerNormTraining)->Arg(240)->Arg(2048)->UseRealTime();

void EmbeddingTraining(benchmark::State& state) {
  const PackedBatch batch = Batch(state.range(0));
  EmbeddingTables tables{at::randn({kVocabulary, kHidden}).requires_grad_(), at::randn({512, kHidden}).requires_grad_(),
                         at::randn({2, kHidden}).requires_grad_()};
  const at::Tensor ids = at::tensor(batch.token_ids, at::kLong);
  const at::Tensor positions = at::arange(batch.tokens(), at::kLong).remainder(30);
  const at::Tensor dy = at::randn({batch.tokens(), kHidden});
  for (auto _ : state) {
    EmbeddingSum(ids, positions, tables).backward(dy);
    for (at::Tensor* leaf : {&tables.words, &tables.positions, &tables.token_types}) leaf->mutable_grad().reset();
  }
  state.SetItemsProcessed(state.iterations() * batch.tokens());
}
BENCHMARK(EmbeddingTraining)->Arg(8)->UseRealTime();

std::unique_ptr<TokenClassifier> MiniLm() {
  Checkpoint checkpoint;
  BertConfig& config = checkpoint.config;
  config.vocabulary_size = kVocabulary;
  config.hidden_size = kHidden;
  config.layers = kLayers;
  config.heads = kHeads;
  config.intermediate_size = kIntermediate;
  config.max_positions = 512;
  for (const BertTensor& tensor : EncoderTensors(config)) {
    const double mean = tensor.name.ends_with("LayerNorm.weight") ? 1 : 0;
    checkpoint.tensors[tensor.name] = at::randn(tensor.shape) * 0.02 + mean;
  }
  return TokenClassifier::Create(checkpoint, {"O", "B-ORG", "I-ORG", "B-PER", "I-PER"}, 1, at::kCPU).value();
}

void Tagging(benchmark::State& state, Precision precision) {
  const std::unique_ptr<TokenClassifier> model = MiniLm();
  if (!model->Convert(precision).ok()) return;
  const PackedBatch batch = Batch(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(AllLogits(*model, batch).value());
  CountProducts(state, kProductsAToken, batch.tokens());
}
void Sentences(benchmark::internal::Benchmark* benchmark) {
  benchmark->Arg(1)->Arg(8)->Arg(64)->UseRealTime()->Unit(benchmark::kMillisecond);
}
BENCHMARK_CAPTURE(Tagging, fp32, Precision::kFloat32)->Apply(Sentences);
BENCHMARK_CAPTURE(Tagging, int8, Precision::kInt8)->Apply(Sentences);

// Forward, loss on three tokens of four, backward; no optimiser.
void Training(benchmark::State& state) {
  const std::unique_ptr<TokenClassifier> model = MiniLm();
  const PackedBatch batch = Batch(state.range(0));
  std::vector<int64_t> rows;
  for (int64_t i = 0; i < batch.tokens(); ++i) {
    if (i % 4 != 3) rows.push_back(i);
  }
  const at::Tensor tags = at::zeros({static_cast<int64_t>(rows.size())}, at::kLong);
  uint64_t seed = 0;
  for (auto _ : state) {
    at::cross_entropy_loss(model->TrainingLogits(batch, rows, seed++), tags).backward();
    for (const auto& [name, parameter] : model->parameters()) at::Tensor(parameter).mutable_grad().reset();
  }
  CountProducts(state, 3 * kProductsAToken, batch.tokens());
}
BENCHMARK(Training)->Arg(8)->Arg(32)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace fintag

int main(int argc, char** argv) {
  if (std::getenv("OMP_NUM_THREADS") == nullptr) at::set_num_threads(2);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
