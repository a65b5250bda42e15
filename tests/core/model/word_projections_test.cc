#include "core/model/word_projections.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "tests/core/model/random_tensors.h"

namespace fintag {
namespace {

struct Layer {
  Layer(int64_t words, int64_t places, int64_t hidden)
      : tables{at::randn({words, hidden}), at::randn({places, hidden}), at::randn({2, hidden})},
        norm{at::randn({hidden}) * 0.3 + 1, at::randn({hidden}), 1e-12},
        dense{at::randn({3 * hidden, hidden}) * 0.1, at::randn({3 * hidden})} {}

  at::Tensor Project(const WordProjections& projections, const at::Tensor& ids, const at::Tensor& positions) const {
    return projections.Project(ids, positions, NormalizeRows(EmbeddingSum(ids, positions, tables), norm).rstd);
  }
  // In float64, and by the plain operations.
  at::Tensor Expected(const at::Tensor& ids, const at::Tensor& positions) const {
    const at::Tensor x = EmbeddingSumReference(ids, positions, tables);
    const at::Tensor y = ResidualLayerNormReference(x, at::Tensor(), norm, Dropout());
    return at::linear(y.to(at::kDouble), dense.weight.to(at::kDouble), dense.bias.to(at::kDouble)).to(at::kFloat);
  }

  EmbeddingTables tables;
  LayerNorm norm;
  Dense dense;
};

double RelativeError(const at::Tensor& values, const at::Tensor& expected) {
  return ((values - expected).square().mean() / expected.square().mean()).sqrt().item<double>();
}

struct Case {
  Precision precision;
  double tolerance;  // of the root mean square
};

class WordProjectionsTest : public testing::TestWithParam<Case> {};

TEST_P(WordProjectionsTest, IsWhatTheLayerGives) {
  const auto [precision, tolerance] = GetParam();
  if (BestProduct(precision) == nullptr) GTEST_SKIP() << "this processor has no instructions for it";
  at::manual_seed(5);
  for (const auto& [words, hidden] : {std::pair<int64_t, int64_t>(3, 8), {40, 37}, {300, 384}}) {
    const Layer layer(words, 50, hidden);
    const WordProjections projections(layer.tables, layer.norm, layer.dense, precision, /*rounded=*/false);
    for (const int64_t tokens : {1, 7, 90}) {
      const at::Tensor ids = at::randint(words, {tokens}, at::kLong);
      const at::Tensor positions = at::randint(50, {tokens}, at::kLong);
      const at::Tensor result = layer.Project(projections, ids, positions);
      EXPECT_LT(RelativeError(result, layer.Expected(ids, positions)), tolerance);
      // The second time all words are kept.
      EXPECT_TRUE(at::equal(layer.Project(projections, ids, positions), result));
    }
  }
}

TEST_P(WordProjectionsTest, RoundsItsResults) {
  const Precision precision = GetParam().precision;
  if (BestProduct(precision) == nullptr) GTEST_SKIP() << "this processor has no instructions for it";
  at::manual_seed(6);
  const Layer layer(40, 50, 37);
  const at::Tensor ids = at::randint(40, {90}, at::kLong);
  const at::Tensor positions = at::randint(50, {90}, at::kLong);
  const WordProjections exact(layer.tables, layer.norm, layer.dense, precision, /*rounded=*/false);
  const WordProjections rounded(layer.tables, layer.norm, layer.dense, precision, /*rounded=*/true);
  EXPECT_TRUE(
      at::equal(layer.Project(rounded, ids, positions), layer.Project(exact, ids, positions).to(at::kBFloat16)));
}

INSTANTIATE_TEST_SUITE_P(Precisions, WordProjectionsTest,
                         testing::Values(Case{Precision::kFloat32, 1e-6}, Case{Precision::kBFloat16, 0.005},
                                         Case{Precision::kInt8, 0.02}),
                         [](const auto& info) { return std::string(PrecisionName(info.param.precision)); });

// A vocabulary that is larger than what is kept, met by several threads in orders of their own.
TEST(WordProjections, GiveAllThreadsTheSameWhateverIsKept) {
  at::manual_seed(7);
  constexpr int64_t kWords = 5000;
  const Layer layer(kWords, 50, 16);
  const WordProjections projections(layer.tables, layer.norm, layer.dense, Precision::kFloat32, /*rounded=*/false);
  const at::Tensor ids = at::arange(kWords);
  const at::Tensor positions = at::randint(50, {kWords}, at::kLong);
  const at::Tensor expected = layer.Expected(ids, positions);
  std::vector<at::Tensor> orders;
  for (int i = 0; i < 4; ++i) orders.push_back(at::randperm(kWords, at::kLong));
  std::vector<double> errors(orders.size(), 1);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < orders.size(); ++t) {
    threads.emplace_back([&, t] {
      errors[t] = 0;
      for (const at::Tensor& some : orders[t].chunk(50)) {
        const at::Tensor result =
            layer.Project(projections, ids.index_select(0, some), positions.index_select(0, some));
        const double error = (result - expected.index_select(0, some)).abs().max().item<double>();
        errors[t] = std::max(errors[t], error);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const double error : errors) EXPECT_LT(error, 1e-4);
}

}  // namespace
}  // namespace fintag
