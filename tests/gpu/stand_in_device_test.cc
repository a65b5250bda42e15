#include "tests/gpu/stand_in_device.h"

#include <gtest/gtest.h>

#include <memory>

#include "core/model/token_classifier.h"
#include "core/model/token_run.h"
#include "core/training/optimizer.h"
#include "tests/core/model/all_logits.h"
#include "tests/core/model/random_tensors.h"

namespace fintag {
namespace {

// What the model asks of a device that is not the CPU gives what the CPU gives.
class StandInDeviceTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { stand_in::Register(); }

  StandInDeviceTest() {
    at::manual_seed(5);
    checkpoint_ = RandomCheckpoint(TinyConfig());
    batch_ = RandomBatch({1, 17, 70, 3}, 50);
  }

  std::unique_ptr<TokenClassifier> Model(at::Device device) const {
    auto model = TokenClassifier::Create(checkpoint_, {}, 0, device).value();
    model->set_dropout(0);
    for (const auto& [name, parameter] : model->parameters()) {
      // The fallback has no sparse gradients.
      if (name == "bert.embeddings.word_embeddings.weight") at::Tensor(parameter).requires_grad_(false);
    }
    return model;
  }

  Checkpoint checkpoint_;
  PackedBatch batch_;
};

TEST_F(StandInDeviceTest, TagsAsTheCpuDoes) {
  const at::Tensor expected = AllLogits(*Model(at::kCPU), batch_).value();
  const auto model = Model(stand_in::Device());
  EXPECT_LT(LargestDifference(AllLogits(*model, batch_).value(), expected), 1e-4);
  EXPECT_EQ(stand_in::attention_calls.exchange(0), TinyConfig().layers);
  EXPECT_LT(LargestDifference(model->Logits(batch_, {3, 90}).value(), expected.index_select(0, at::tensor({3, 90}))),
            1e-4);
  EXPECT_EQ(AllLogits(*model, PackedBatch()).value().sizes(), at::IntArrayRef({0, 3}));
  ASSERT_TRUE(model->Convert(Precision::kBFloat16).ok());
  const at::Tensor rounded = AllLogits(*model, batch_).value();
  EXPECT_EQ(rounded.scalar_type(), at::kFloat);
  EXPECT_LT((rounded - expected).abs().mean().item<double>(), 0.05 * expected.abs().mean().item<double>());
  EXPECT_GT(LargestDifference(rounded, expected), 0);
}

TEST_F(StandInDeviceTest, TagsWithHeadsOfAnySize) {
  BertConfig config = TinyConfig();
  config.heads = 4;  // of 6 numbers, which no fused attention takes
  checkpoint_ = RandomCheckpoint(config);
  stand_in::attention_calls = 0;
  const at::Tensor expected = AllLogits(*Model(at::kCPU), batch_).value();
  const auto model = Model(stand_in::Device());
  EXPECT_LT(LargestDifference(AllLogits(*model, batch_).value(), expected), 1e-4);
  ASSERT_TRUE(model->Convert(Precision::kBFloat16).ok());
  const at::Tensor rounded = AllLogits(*model, batch_).value();
  EXPECT_LT((rounded - expected).abs().mean().item<double>(), 0.05 * expected.abs().mean().item<double>());
  EXPECT_EQ(stand_in::attention_calls, 0);
}

TEST_F(StandInDeviceTest, SeedDecidesWhatIsDropped) {
  const auto model = Model(stand_in::Device());
  const auto logits = [&](uint64_t seed) { return model->TrainingLogits(batch_, {0, 30}, seed).detach().cpu(); };
  EXPECT_TRUE(at::equal(logits(1), logits(2)));
  model->set_dropout(0.2);
  EXPECT_TRUE(at::equal(logits(1), logits(1)));
  EXPECT_FALSE(at::equal(logits(1), logits(2)));
}

TEST_F(StandInDeviceTest, HasTheGradientsOfTheCpu) {
  const std::unique_ptr<TokenClassifier> models[] = {Model(at::kCPU), Model(stand_in::Device())};
  const std::vector<int64_t> rows = {0, 4, 30, 88};
  for (const bool mixed : {false, true}) {
    for (const auto& model : models) {
      for (const auto& [name, parameter] : model->parameters()) parameter.mutable_grad() = at::Tensor();
    }
    if (mixed) {
      ASSERT_TRUE(models[1]->TrainInMixedPrecision(/*adds_gradients=*/false).ok());
    }
    const double tolerance = mixed ? 0.1 : 1e-4;
    at::Tensor logits[2];
    for (int i = 0; i < 2; ++i) {
      logits[i] = models[i]->TrainingLogits(batch_, rows, /*dropout_seed=*/1);
      logits[i].pow(2).sum().backward();
    }
    EXPECT_LT(LargestDifference(logits[1].cpu(), logits[0]), tolerance * logits[0].abs().max().item<double>());
    for (size_t i = 0; i < models[0]->parameters().size(); ++i) {
      const auto& [name, parameter] = models[0]->parameters()[i];
      if (!parameter.requires_grad()) continue;
      const at::Tensor expected = parameter.grad();
      const at::Tensor gradient = models[1]->parameters()[i].second.grad();
      ASSERT_TRUE(gradient.defined()) << name;
      EXPECT_EQ(gradient.scalar_type(), at::kFloat) << name;
      EXPECT_LT((gradient.cpu() - expected).norm().item<double>(), tolerance * expected.norm().item<double>()) << name;
    }
  }
}

TEST_F(StandInDeviceTest, LearnsAsTheCpuDoes) {
  TrainingOptions options;
  options.max_gradient_norm = 1;
  options.weight_decay = 0.01;
  for (const bool mixed : {false, true}) {
    const std::unique_ptr<TokenClassifier> models[] = {Model(at::kCPU), Model(stand_in::Device())};
    if (mixed) {
      ASSERT_TRUE(models[1]->TrainInMixedPrecision(/*adds_gradients=*/false).ok());
    }
    double losses[2] = {};
    for (int i = 0; i < 2; ++i) {
      const std::unique_ptr<Optimizer> optimizer = MakeOptimizer(models[i]->parameters(), options);
      for (int step = 0; step < 20; ++step) {
        const at::Tensor logits = models[i]->TrainingLogits(batch_, {0, 4, 30, 88}, 1);
        const at::Tensor loss = at::cross_entropy_loss(logits, ToDevice({1, 2, 0, 1}, logits.device()));
        loss.backward();
        optimizer->Step(2e-3);
        losses[i] = loss.item<double>();
      }
    }
    EXPECT_LT(losses[0], 0.5);
    EXPECT_NEAR(losses[1], losses[0], (mixed ? 0.1 : 1e-3) * losses[0]) << mixed;
  }
}

}  // namespace
}  // namespace fintag
