// A GPU beside the CPU: the same logits, and the same losses step by step. Skipped where LibTorch finds no GPU.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <vector>

#include "core/model/checkpoint_folder.h"
#include "core/model/device.h"
#include "core/model/fused_attention.h"
#include "core/model/packed_attention.h"
#include "core/model/token_classifier.h"
#include "core/training/optimizer.h"
#include "tests/core/model/all_logits.h"
#include "tests/core/model/random_tensors.h"
#include "tests/core/training/training_fixture.h"

namespace fintag {
namespace {

class GpuTest : public testing::Test {
 protected:
  void SetUp() override {
    const absl::StatusOr<at::Device> device = SelectDevice("cuda");
    if (!device.ok()) GTEST_SKIP() << device.status().message();
    device_ = *device;
    at::manual_seed(3);
    checkpoint_ = RandomCheckpoint(Config());
  }

  static BertConfig Config() {
    BertConfig config = TinyConfig();
    config.vocabulary_size = 300;
    config.hidden_size = 128;
    config.heads = 4;
    config.intermediate_size = 256;
    config.max_positions = 200;
    return config;
  }

  std::unique_ptr<TokenClassifier> Model(const at::Device& device) const {
    absl::StatusOr<std::unique_ptr<TokenClassifier>> model = TokenClassifier::Create(checkpoint_, {}, 0, device);
    EXPECT_TRUE(model.ok()) << model.status();
    return *std::move(model);
  }

  // As a training step: the mean loss before it.
  static double Step(TokenClassifier& model, Optimizer& optimizer, const PackedBatch& batch, uint64_t dropout_seed) {
    std::vector<int64_t> rows;
    std::vector<int64_t> tags;
    for (int64_t row = 0; row < batch.tokens(); row += 2) {
      rows.push_back(row);
      tags.push_back(batch.token_ids[row] % 3);
    }
    const at::Tensor logits = model.TrainingLogits(batch, rows, dropout_seed);
    const at::Tensor loss = at::cross_entropy_loss(logits, at::tensor(tags, at::kLong).to(logits.device()));
    loss.backward();
    optimizer.Step(1e-3);
    return loss.item<double>();
  }

  at::Device device_ = at::kCPU;
  Checkpoint checkpoint_;
};

constexpr double kTolerance = 1e-3;  // relative, as sums are made in another order

TEST_F(GpuTest, GivesTheLogitsOfTheCpu) {
  const PackedBatch batch = RandomBatch({1, 17, 200, 3, 64}, 300);
  const at::Tensor expected = AllLogits(*Model(at::kCPU), batch).value();
  const std::unique_ptr<TokenClassifier> model = Model(device_);
  const at::Tensor logits = AllLogits(*model, batch).value();
  EXPECT_TRUE(at::allclose(logits, expected, kTolerance, kTolerance)) << LargestDifference(logits, expected);
  ASSERT_TRUE(model->Convert(Precision::kBFloat16).ok());
  const at::Tensor rounded = AllLogits(*model, batch).value();
  EXPECT_LT((rounded - expected).abs().mean().item<double>(), 0.03 * expected.abs().mean().item<double>());
}

TEST_F(GpuTest, PackingChangesNoLogit) {
  const std::vector<int64_t> lengths = {1, 17, 200, 3, 64};
  const PackedBatch batch = RandomBatch(lengths, 300);
  const std::unique_ptr<TokenClassifier> model = Model(device_);
  const at::Tensor together = AllLogits(*model, batch).value();
  for (size_t s = 0; s < lengths.size(); ++s) {
    const auto begin = batch.token_ids.begin() + batch.offsets[s];
    PackedBatch alone;
    alone.Add(std::vector<int32_t>(begin, begin + lengths[s]));
    const at::Tensor part = together.narrow(0, batch.offsets[s], lengths[s]);
    EXPECT_LT(LargestDifference(AllLogits(*model, alone).value(), part), kTolerance) << s;
  }
}

// Without dropout, which is drawn otherwise on a GPU.
TEST_F(GpuTest, TrainsAsTheCpuDoes) {
  TrainingOptions options;
  options.max_gradient_norm = 1;
  options.weight_decay = 0.01;
  const std::unique_ptr<TokenClassifier> models[2] = {Model(at::kCPU), Model(device_)};
  std::unique_ptr<Optimizer> optimizers[2];
  for (int i = 0; i < 2; ++i) {
    models[i]->set_dropout(0);
    optimizers[i] = MakeOptimizer(models[i]->parameters(), options);
  }
  for (uint64_t step = 0; step < 20; ++step) {
    const PackedBatch batch = RandomBatch({5, 60, 33, 12}, 300);
    const double expected = Step(*models[0], *optimizers[0], batch, step);
    ASSERT_NEAR(Step(*models[1], *optimizers[1], batch, step), expected, kTolerance * expected) << step;
  }
}

TEST_F(GpuTest, SeedDecidesWhatIsDropped) {
  const std::unique_ptr<TokenClassifier> model = Model(device_);
  model->set_dropout(0.1);
  const PackedBatch batch = RandomBatch({5, 60, 33, 12}, 300);
  const auto logits = [&](uint64_t seed) { return model->TrainingLogits(batch, {0, 30}, seed).detach().cpu(); };
  EXPECT_TRUE(at::equal(logits(1), logits(1)));
  EXPECT_FALSE(at::equal(logits(1), logits(2)));
}

// Values and gradients, in both types, with an empty sequence among the others.
TEST_F(GpuTest, FusedAttentionIsThePlainOne) {
  const at::Tensor offsets = OffsetsOf({17, 0, 200, 1, 64});
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    for (const int64_t head_size : {32, 64}) {
      const int64_t hidden = 4 * head_size;
      const at::Tensor values = at::randn({282, 3 * hidden}).to(device_, type);
      const at::Tensor gradient = at::randn({282, hidden}).to(device_, type);
      ASSERT_TRUE(HasFusedAttention(values, 4)) << type;
      at::Tensor results[2];
      at::Tensor gradients[2];
      for (const bool fused : {false, true}) {
        const at::Tensor qkv = CopyOfLeaf(values);
        results[fused] = fused ? FusedAttention(qkv, offsets.to(device_, at::kInt), 200, 4, 0)
                               : PackedAttentionReference(qkv, offsets, 4, Dropout());
        results[fused].backward(gradient);
        gradients[fused] = qkv.grad();
      }
      const double tolerance = type == at::kFloat ? 1e-5 : 0.02;
      const auto off = [](const at::Tensor* pair) {
        return ((pair[0] - pair[1]).norm() / pair[0].norm()).item<double>();
      };
      EXPECT_LT(off(results), tolerance) << type << head_size;
      EXPECT_LT(off(gradients), tolerance) << type << head_size;
    }
  }
}

// Every element is kept with its probability and made up for.
TEST_F(GpuTest, FusedAttentionDropsOnAverageNothing) {
  const at::Tensor offsets = OffsetsOf({200}).to(device_, at::kInt);
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    at::Tensor qkv = at::zeros({200, 384}, at::TensorOptions(device_).dtype(type));
    qkv.narrow(1, 256, 128).fill_(1);
    const at::Tensor context = FusedAttention(qkv, offsets, 200, 4, 0.3).to(at::kFloat);
    EXPECT_NEAR(context.mean().item<double>(), 1, 0.01) << type;
    EXPECT_NEAR(context.std().item<double>(), std::sqrt(0.3 / 0.7 / 200), 0.01) << type;
  }
}

TEST_F(GpuTest, LearnsInMixedPrecision) {
  const std::unique_ptr<TokenClassifier> model = Model(device_);
  ASSERT_TRUE(model->TrainInMixedPrecision(/*adds_gradients=*/false).ok());
  const std::unique_ptr<Optimizer> optimizer = MakeOptimizer(model->parameters(), TrainingOptions());
  const PackedBatch batch = RandomBatch({5, 60, 33, 12}, 300);
  const double first = Step(*model, *optimizer, batch, 0);
  double last = first;
  for (uint64_t step = 1; step < 50; ++step) last = Step(*model, *optimizer, batch, step);
  EXPECT_LT(last, 0.7 * first);
}

// The whole loop, with its evaluations, checkpoint and state.
class GpuTrainingTest : public TrainingTest {
 protected:
  void SetUp() override {
    const absl::StatusOr<at::Device> device = SelectDevice("cuda");
    if (!device.ok()) GTEST_SKIP() << device.status().message();
  }
};

TEST_F(GpuTrainingTest, LearnsStopsAndGoesOnAsTheCpuDoes) {
  options_.epochs = 4;
  options_.learning_rate = 5e-3;
  options_.dropout = 0;
  options_.keep = KeepCheckpoint::kLast;
  ASSERT_TRUE(Run().ok());
  const std::vector<EpochResult> expected = observer_.epochs;
  const Checkpoint weights = ReadCheckpoint(checkpoint(), WeightAccess::kRead).value();

  options_.device = "cuda";
  input_.state = folder_.path() / "state";
  observer_ = RecordingObserver();
  observer_.on_step = [this](const TrainingProgress& progress) { stop_ = progress.epoch == 3; };
  ASSERT_TRUE(Train(Input(), options_, observer_, stop_)->cancelled);
  stop_ = false;
  const absl::StatusOr<TrainingResult> result = Run();
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->epochs.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    const EpochResult& epoch = result->epochs[i];
    EXPECT_NEAR(epoch.train_loss, expected[i].train_loss, 0.01 * expected[i].train_loss) << i;
    EXPECT_NEAR(epoch.validation_loss, expected[i].validation_loss, 0.01 * expected[i].validation_loss) << i;
  }
  const Checkpoint written = ReadCheckpoint(checkpoint()).value();
  for (const auto& [name, tensor] : written.tensors) {
    EXPECT_LT(LargestDifference(tensor, weights.tensors.at(name)), 0.05) << name;
  }
}

}  // namespace
}  // namespace fintag
