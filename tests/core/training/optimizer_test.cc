#include "core/training/optimizer.h"

#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/training/adam_kernel.h"

namespace fintag {
namespace {

using Parameters = std::vector<std::pair<std::string, at::Tensor>>;

at::Tensor Leaf(at::Tensor value) { return value.requires_grad_(); }

Parameters SomeParameters() {
  at::manual_seed(3);
  return {{"embeddings.word_embeddings.weight", Leaf(at::randn({50, 24}))},
          {"layer.dense.weight", Leaf(at::randn({131, 257}))},
          {"layer.dense.bias", Leaf(at::randn({131}))},
          {"layer.LayerNorm.weight", Leaf(at::randn({37}))},
          {"classifier.weight", Leaf(at::randn({9, 4099}))},
          {"classifier.bias", Leaf(at::randn({1}))}};
}

Parameters Copy(const Parameters& parameters) {
  Parameters copy;
  for (const auto& [name, value] : parameters) copy.emplace_back(name, Leaf(value.detach().clone()));
  return copy;
}

// The formulas in plain double-precision tensor arithmetic.
class Reference {
 public:
  Reference(const Parameters& parameters, const TrainingOptions& options) : options_(options) {
    for (const auto& [name, value] : parameters) {
      names_.push_back(name);
      values_.push_back(value.detach().to(at::kDouble));
      first_.push_back(at::zeros_like(values_.back()));
      second_.push_back(at::zeros_like(values_.back()));
    }
  }

  double Step(std::vector<at::Tensor> gradients, double rate) {
    ++steps_;
    double squares = 0;
    for (at::Tensor& g : gradients) {
      g = g.to(at::kDouble);
      squares += g.square().sum().item<double>();
    }
    const double norm = std::sqrt(squares);
    const double limit = options_.max_gradient_norm;
    const double scale = limit > 0 ? std::min(1.0, limit / (norm + 1e-6)) : 1.0;
    for (size_t i = 0; i < values_.size(); ++i) {
      const at::Tensor g = gradients[i] * scale;
      if (HasDecay(names_[i])) values_[i] = values_[i] * (1 - rate * options_.weight_decay);
      first_[i] = options_.adam_beta1 * first_[i] + (1 - options_.adam_beta1) * g;
      second_[i] = options_.adam_beta2 * second_[i] + (1 - options_.adam_beta2) * g.square();
      const at::Tensor m = first_[i] / (1 - std::pow(options_.adam_beta1, steps_));
      const at::Tensor v = second_[i] / (1 - std::pow(options_.adam_beta2, steps_));
      values_[i] = values_[i] - rate * m / (v.sqrt() + options_.adam_epsilon);
    }
    return norm;
  }

  const at::Tensor& value(size_t i) const { return values_[i]; }

 private:
  const TrainingOptions options_;
  std::vector<std::string> names_;
  std::vector<at::Tensor> values_, first_, second_;
  int steps_ = 0;
};

// Gradients of step `step`: few rows of the embedding, one of them twice.
std::vector<at::Tensor> DenseGradients(const Parameters& parameters, int step) {
  at::manual_seed(100 + step);
  std::vector<at::Tensor> gradients;
  for (const auto& [name, value] : parameters) gradients.push_back(at::randn_like(value).detach() * (step % 3));
  at::Tensor rows = at::zeros({50, 1});
  for (const int row : {1, 7, step % 50}) rows[row] = 1;
  gradients[0] = gradients[0] * rows;
  return gradients;
}

at::Tensor SparseRows(const at::Tensor& dense) {
  const at::Tensor rows = std::get<0>(dense.abs().sum(1).nonzero().squeeze(1).sort(0, /*descending=*/true));
  // Each row in two halves, as two uncoalesced entries.
  const at::Tensor indices = at::cat({rows, rows}).unsqueeze(0);
  const at::Tensor half = dense.index_select(0, rows) / 2;
  return at::_sparse_coo_tensor_unsafe(indices, at::cat({half, half}), dense.sizes(), half.options(), false);
}

struct Case {
  bool sparse;
  double decay;
  double limit;
};

class OptimizerAgainstReference : public ::testing::TestWithParam<Case> {};

TEST_P(OptimizerAgainstReference, TakesTheSameSteps) {
  TrainingOptions options;
  options.weight_decay = GetParam().decay;
  options.max_gradient_norm = GetParam().limit;
  const Parameters start = SomeParameters();
  for (const auto make : {MakeCpuOptimizer, MakeFusedOptimizer}) {
    const Parameters parameters = Copy(start);
    Reference reference(parameters, options);
    const std::unique_ptr<Optimizer> optimizer = make(parameters, options);
    for (int step = 0; step < 12; ++step) {
      const std::vector<at::Tensor> gradients = DenseGradients(parameters, step);
      for (size_t i = 0; i < parameters.size(); ++i) {
        const bool sparse = GetParam().sparse && i == 0;
        parameters[i].second.mutable_grad() = sparse ? SparseRows(gradients[i]) : gradients[i].clone();
      }
      const double rate = 0.01 / (1 + step);
      const double norm = optimizer->Step(rate);
      const double expected = reference.Step(gradients, rate);
      if (make == MakeCpuOptimizer) {
        EXPECT_NEAR(norm, expected, 1e-5 * expected + 1e-12);
      }
      for (size_t i = 0; i < parameters.size(); ++i) {
        ASSERT_FALSE(parameters[i].second.grad().defined());
        const at::Tensor difference = parameters[i].second.detach().to(at::kDouble) - reference.value(i);
        ASSERT_LT(difference.abs().max().item<double>(), 3e-6) << parameters[i].first << " at step " << step;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, OptimizerAgainstReference,
                         ::testing::Values(Case{false, 0, 0}, Case{false, 0, 1}, Case{true, 0, 1}, Case{true, 0.1, 1},
                                           Case{false, 0.1, 0}));

TEST(Optimizer, SparseAndDenseGradientsGiveTheSameBytes) {
  const Parameters dense = SomeParameters();
  const Parameters sparse = Copy(dense);
  const auto dense_optimizer = MakeCpuOptimizer(dense, {.max_gradient_norm = 0});
  const auto sparse_optimizer = MakeCpuOptimizer(sparse, {.max_gradient_norm = 0});
  for (int step = 0; step < 6; ++step) {
    const std::vector<at::Tensor> gradients = DenseGradients(dense, step);
    for (size_t i = 0; i < dense.size(); ++i) {
      dense[i].second.mutable_grad() = gradients[i].clone();
      sparse[i].second.mutable_grad() = i == 0 ? SparseRows(gradients[0]) : gradients[i].clone();
    }
    dense_optimizer->Step(0.01);
    sparse_optimizer->Step(0.01);
  }
  for (size_t i = 0; i < dense.size(); ++i) EXPECT_TRUE(at::equal(dense[i].second, sparse[i].second)) << i;
}

TEST(Optimizer, TakesGradientsInBFloat16) {
  const Parameters exact = SomeParameters();
  const Parameters rounded = Copy(exact);
  for (const auto& [name, value] : rounded) value.set_grad_dtype(at::kBFloat16);
  const auto exact_optimizer = MakeCpuOptimizer(exact, {});
  const auto rounded_optimizer = MakeCpuOptimizer(rounded, {});
  for (int step = 0; step < 6; ++step) {
    const std::vector<at::Tensor> gradients = DenseGradients(exact, step);
    for (size_t i = 0; i < exact.size(); ++i) {
      rounded[i].second.mutable_grad() = gradients[i].to(at::kBFloat16);
      exact[i].second.mutable_grad() = rounded[i].second.grad().to(at::kFloat);
    }
    EXPECT_EQ(exact_optimizer->Step(0.01), rounded_optimizer->Step(0.01));
  }
  for (size_t i = 0; i < exact.size(); ++i) EXPECT_TRUE(at::equal(exact[i].second, rounded[i].second)) << i;
}

TEST(Optimizer, NumberOfThreadsChangesNoByte) {
  std::vector<Parameters> results;
  for (const int threads : {1, 2, 3}) {
    at::set_num_threads(threads);
    const Parameters parameters = SomeParameters();
    const auto optimizer = MakeCpuOptimizer(parameters, {});
    for (int step = 1; step < 4; ++step) {
      const std::vector<at::Tensor> gradients = DenseGradients(parameters, step);
      for (size_t i = 0; i < parameters.size(); ++i) parameters[i].second.mutable_grad() = gradients[i];
      optimizer->Step(0.01);
    }
    results.push_back(parameters);
  }
  at::set_num_threads(1);
  for (size_t i = 0; i < results[0].size(); ++i) {
    EXPECT_TRUE(at::equal(results[0][i].second, results[1][i].second));
    EXPECT_TRUE(at::equal(results[0][i].second, results[2][i].second));
  }
}

TEST(Optimizer, AParameterThatNeverHadAGradientStays) {
  const Parameters parameters = SomeParameters();
  const at::Tensor before = parameters[0].second.detach().clone();
  const auto optimizer = MakeCpuOptimizer(parameters, {});
  parameters[1].second.mutable_grad() = at::ones_like(parameters[1].second);
  optimizer->Step(0.1);
  EXPECT_TRUE(at::equal(parameters[0].second, before));
}

TEST(Optimizer, TellsCachesThatWeightsChanged) {
  const Parameters parameters = SomeParameters();
  const auto before = parameters[1].second._version();
  const auto optimizer = MakeCpuOptimizer(parameters, {});
  parameters[1].second.mutable_grad() = at::ones_like(parameters[1].second);
  optimizer->Step(0.1);
  EXPECT_GT(parameters[1].second._version(), before);
}

TEST(Optimizer, BiasesAndLayerNormsHaveNoDecay) {
  EXPECT_TRUE(HasDecay("bert.embeddings.word_embeddings.weight"));
  EXPECT_TRUE(HasDecay("classifier.weight"));
  EXPECT_FALSE(HasDecay("classifier.bias"));
  EXPECT_FALSE(HasDecay("bert.encoder.layer.0.output.LayerNorm.weight"));
}

TEST(AdamKernel, SumsSquaresOfAnyLength) {
  at::manual_seed(1);
  for (const int64_t size : {0, 1, 31, 32, 33, 4095, 4096, 4097, 20000}) {
    const at::Tensor values = at::randn({size});
    const double expected = values.to(at::kDouble).square().sum().item<double>();
    EXPECT_NEAR(SumOfSquares(values.const_data_ptr<float>(), size), expected, 1e-6 * expected + 1e-12);
    const at::Tensor rounded = values.to(at::kBFloat16);
    EXPECT_EQ(SumOfSquares(static_cast<const uint16_t*>(rounded.const_data_ptr()), size),
              SumOfSquares(rounded.to(at::kFloat).const_data_ptr<float>(), size));
  }
}

}  // namespace
}  // namespace fintag
