#include "core/model/token_classifier.h"

#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "tests/core/model/all_logits.h"
#include "tests/core/model/random_tensors.h"

namespace fintag {
namespace {

std::unique_ptr<TokenClassifier> Model(const Checkpoint& checkpoint) {
  auto model = TokenClassifier::Create(checkpoint, {}, 0, at::kCPU);
  EXPECT_TRUE(model.ok()) << model.status();
  return std::move(model).value();
}

std::vector<int64_t> AllRows(const PackedBatch& batch) {
  std::vector<int64_t> rows;
  for (int64_t i = 0; i < batch.tokens(); ++i) rows.push_back(i);
  return rows;
}

// Written by tests/data/golden/encoder_golden.py.
TEST(TokenClassifier, GivesTheLogitsOfTransformers) {
  const std::string folder = FINTAG_TEST_DATA "/golden/encoder";
  auto checkpoint = ReadCheckpoint(folder);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  std::ifstream file(folder + "/logits.json");
  const std::map<std::string, Activation> activations = {
      {"gelu", Activation::kGelu}, {"gelu_new", Activation::kGeluTanh}, {"relu", Activation::kRelu}};
  for (const auto& golden : nlohmann::json::parse(file)) {
    checkpoint->config.activation = activations.at(golden["activation"]);
    const auto model = Model(*checkpoint);
    PackedBatch batch;
    std::vector<float> expected;
    for (const auto& ids : golden["sequences"]) batch.Add(ids.get<std::vector<int32_t>>());
    for (const auto& sequence : golden["logits"]) {
      for (const auto& row : sequence) {
        for (const auto& logit : row) expected.push_back(logit);
      }
    }
    const at::Tensor logits = AllLogits(*model, batch).value();
    EXPECT_LT(LargestDifference(logits, at::tensor(expected).view(logits.sizes())), 1e-4) << golden["activation"];
  }
}

TEST(TokenClassifier, PackingChangesNoLogit) {
  at::manual_seed(30);
  const auto model = Model(RandomCheckpoint(TinyConfig()));
  for (int round = 0; round < 5; ++round) {
    std::vector<int64_t> lengths;
    for (int i = 0; i < 12; ++i) lengths.push_back(at::randint(1, 70, {1}).item<int64_t>());
    const PackedBatch batch = RandomBatch(lengths, 50);
    const at::Tensor together = AllLogits(*model, batch).value();
    for (int64_t s = 0; s < batch.sequences(); ++s) {
      PackedBatch single;
      single.Add({batch.token_ids.begin() + batch.offsets[s], batch.token_ids.begin() + batch.offsets[s + 1]});
      EXPECT_LT(LargestDifference(AllLogits(*model, single).value(),
                                  together.slice(0, batch.offsets[s], batch.offsets[s + 1])),
                1e-5);
    }
  }
}

// Random models differ in how much they make of a rounding error: the bound is that of the median one.
TEST(TokenClassifier, TagsInOtherPrecisionsWithNearlyTheSameLogits) {
  constexpr int kModels = 21;
  BertConfig config = TinyConfig();
  config.intermediate_size = 400;  // most of the memory is then weights
  for (const auto& [precision, tolerance] : {std::pair(Precision::kBFloat16, 0.05), {Precision::kInt8, 0.05}}) {
    SCOPED_TRACE(PrecisionName(precision));
    std::vector<double> errors;
    for (int i = 0; i < kModels; ++i) {
      at::manual_seed(31 + i);
      const Checkpoint checkpoint = RandomCheckpoint(config);
      const PackedBatch batch = RandomBatch({5, 17, 1, 60}, 50);
      const auto exact = Model(checkpoint);
      const at::Tensor expected = AllLogits(*exact, batch).value();
      const auto model = Model(checkpoint);
      ASSERT_TRUE(model->Convert(precision).ok());
      EXPECT_TRUE(model->parameters().empty());
      EXPECT_LT(model->memory_bytes(), exact->memory_bytes());
      const at::Tensor error = AllLogits(*model, batch).value() - expected;
      errors.push_back((error.square().mean() / expected.square().mean()).sqrt().item<double>());
      EXPECT_GT(errors.back(), 0);
    }
    std::nth_element(errors.begin(), errors.begin() + kModels / 2, errors.end());
    EXPECT_LT(errors[kModels / 2], tolerance);
  }
}

TEST(TokenClassifier, PacksItsWeightsInFloat32) {
  at::manual_seed(31);
  const Checkpoint checkpoint = RandomCheckpoint(TinyConfig());
  const PackedBatch batch = RandomBatch({5, 17, 1, 60}, 50);
  const auto exact = Model(checkpoint);
  const auto packed = Model(checkpoint);
  ASSERT_TRUE(packed->Convert(Precision::kFloat32).ok());
  EXPECT_TRUE(packed->parameters().empty());
  EXPECT_LT(LargestDifference(AllLogits(*packed, batch).value(), AllLogits(*exact, batch).value()), 1e-5);
  EXPECT_EQ(exact->memory_bytes(), exact->parameter_count() * 4);
}

TEST(TokenClassifier, ForTaggingLeavesTheModelToTrainOn) {
  at::manual_seed(32);
  const auto model = Model(RandomCheckpoint(TinyConfig()));
  const PackedBatch batch = RandomBatch({5, 17, 1, 60}, 50);
  const at::Tensor before = AllLogits(*model, batch).value();
  const size_t parameters = model->parameters().size();
  const auto tagger = model->ForTagging().value();
  EXPECT_TRUE(tagger->parameters().empty());
  EXPECT_LT(LargestDifference(AllLogits(*tagger, batch).value(), before), 1e-5);
  EXPECT_EQ(model->parameters().size(), parameters);
  EXPECT_TRUE(at::equal(AllLogits(*model, batch).value(), before));
  model->TrainingLogits(batch, {0, 7}, /*dropout_seed=*/1).sum().backward();
  EXPECT_TRUE(model->parameters().back().second.grad().defined());
}

TEST(TokenClassifier, TrainingWithoutDropoutGivesTheSameRows) {
  at::manual_seed(31);
  const auto model = Model(RandomCheckpoint(TinyConfig()));
  model->set_dropout(0);
  EXPECT_EQ(model->config().hidden_dropout, 0);
  EXPECT_EQ(model->config().attention_dropout, 0);
  const PackedBatch batch = RandomBatch({9, 30, 4}, 50);
  const std::vector<int64_t> rows = {1, 2, 5, 17, 38, 40};
  const at::Tensor logits = model->TrainingLogits(batch, rows, 1);
  EXPECT_TRUE(logits.requires_grad());
  EXPECT_LT(LargestDifference(logits, AllLogits(*model, batch).value().clone().index_select(0, at::tensor(rows))),
            1e-5);
  EXPECT_LT(LargestDifference(logits, model->Logits(batch, rows).value()), 1e-5);
}

// As transformers has it: classifier_dropout where it is given, else hidden_dropout_prob.
TEST(TokenClassifier, TheClassifierHasADropoutOfItsOwn) {
  at::manual_seed(33);
  BertConfig config = TinyConfig();
  config.hidden_dropout = config.attention_dropout = 0;
  const PackedBatch batch = RandomBatch({9}, 50);
  const std::vector<int64_t> rows = {0, 1, 2, 3, 4, 5, 6, 7, 8};
  for (const double probability : {0.0, 0.5}) {
    config.classifier_dropout = probability;
    const auto model = Model(RandomCheckpoint(config));
    const double difference =
        LargestDifference(model->TrainingLogits(batch, rows, 1), AllLogits(*model, batch).value());
    if (probability == 0) {
      EXPECT_LT(difference, 1e-5);
    } else {
      EXPECT_GT(difference, 1e-2);
    }
  }
}

// The gradient of a random direction, by central differences.
TEST(TokenClassifier, GradientsAreThoseOfTheLoss) {
  at::manual_seed(32);
  BertConfig config = TinyConfig();
  config.layers = 2;
  const auto model = Model(RandomCheckpoint(config));
  model->set_dropout(0.2);
  const PackedBatch batch = RandomBatch({5, 11}, 50);
  const std::vector<int64_t> rows = {0, 3, 6, 8, 15};
  const at::Tensor tags = at::tensor({0, 1, 2, 1, 0}, at::kLong);
  const auto loss = [&] { return at::cross_entropy_loss(model->TrainingLogits(batch, rows, 77), tags); };
  loss().backward();
  for (const auto& [name, parameter] : model->parameters()) {
    ASSERT_TRUE(parameter.grad().defined()) << name;
    const at::NoGradGuard no_gradient;
    const at::Tensor gradient = parameter.grad().is_sparse() ? parameter.grad().to_dense() : parameter.grad();
    const at::Tensor norm = gradient.norm();
    if (norm.item<double>() < 1e-6) continue;  // the keys' bias: softmax does not see it
    const at::Tensor direction = gradient / norm;
    at::Tensor value = parameter;
    constexpr double kStep = 1e-2;
    value.add_(direction, kStep);
    const double above = loss().item<double>();
    value.sub_(direction, 2 * kStep);
    const double below = loss().item<double>();
    value.add_(direction, kStep);
    EXPECT_NEAR((above - below) / (2 * kStep), norm.item<double>(), 2e-3 + 0.02 * norm.item<double>()) << name;
  }
}

TEST(TokenClassifier, SameSeedGivesTheSameBytes) {
  at::manual_seed(33);
  const Checkpoint checkpoint = RandomCheckpoint(TinyConfig());
  const PackedBatch batch = RandomBatch({40, 12, 33}, 50);
  const auto run = [&](uint64_t seed) {
    const auto model = Model(checkpoint);
    model->TrainingLogits(batch, AllRows(batch), seed).pow(2).sum().backward();
    std::vector<at::Tensor> gradients;
    for (const auto& [name, parameter] : model->parameters()) {
      gradients.push_back(parameter.grad().is_sparse() ? parameter.grad().to_dense() : parameter.grad());
    }
    return gradients;
  };
  const auto first = run(5);
  const auto second = run(5);
  const auto other = run(6);
  for (size_t i = 0; i < first.size(); ++i) EXPECT_TRUE(at::equal(first[i], second[i])) << i;
  EXPECT_FALSE(at::equal(first[0], other[0]));
}

TEST(TokenClassifier, ToCheckpointGivesBackEveryTensor) {
  const Checkpoint checkpoint = RandomCheckpoint(TinyConfig());
  const auto model = Model(checkpoint);
  const Checkpoint back = model->ToCheckpoint();
  EXPECT_EQ(back.config.tags, checkpoint.config.tags);
  ASSERT_EQ(back.tensors.size(), checkpoint.tensors.size());
  int64_t count = 0;
  for (const auto& [name, tensor] : checkpoint.tensors) {
    ASSERT_TRUE(back.tensors.contains(name)) << name;
    EXPECT_TRUE(at::equal(back.tensors.at(name), tensor)) << name;
    EXPECT_FALSE(back.tensors.at(name).requires_grad());
    count += tensor.numel();
  }
  EXPECT_EQ(model->parameter_count(), count);
}

TEST(TokenClassifier, ParametersAreLeavesWithTheFusedLayerNamed) {
  const auto model = Model(RandomCheckpoint(TinyConfig()));
  std::set<std::string> names;
  for (const auto& [name, parameter] : model->parameters()) {
    EXPECT_TRUE(names.insert(name).second) << name;
    EXPECT_TRUE(parameter.is_leaf() && parameter.requires_grad()) << name;
  }
  EXPECT_TRUE(names.contains("bert.encoder.layer.2.attention.self.query_key_value.weight"));
  EXPECT_EQ(model->parameters().front().first, "bert.embeddings.word_embeddings.weight");
  EXPECT_EQ(model->parameters().back().first, "classifier.bias");
}

TEST(TokenClassifier, DrawsAFreshClassifierForOtherTags) {
  const Checkpoint checkpoint = RandomCheckpoint(TinyConfig());
  const std::vector<std::string> tags = {"O", "B-LAW", "I-LAW", "B-PER", "I-PER"};
  const auto classifier = [&](uint64_t seed) {
    return TokenClassifier::Create(checkpoint, tags, seed, at::kCPU).value()->ToCheckpoint();
  };
  const Checkpoint drawn = classifier(1);
  EXPECT_EQ(drawn.config.tags, tags);
  const at::Tensor weight = drawn.tensors.at("classifier.weight");
  EXPECT_EQ(weight.sizes(), at::IntArrayRef({5, 24}));
  EXPECT_NEAR(weight.std().item<double>(), 0.02, 0.005);
  EXPECT_EQ(drawn.tensors.at("classifier.bias").abs().sum().item<double>(), 0);
  EXPECT_TRUE(at::equal(weight, classifier(1).tensors.at("classifier.weight")));
  EXPECT_FALSE(at::equal(weight, classifier(2).tensors.at("classifier.weight")));
  // The checkpoint's own tags keep its classifier.
  const auto kept = TokenClassifier::Create(checkpoint, checkpoint.config.tags, 1, at::kCPU).value()->ToCheckpoint();
  EXPECT_TRUE(at::equal(kept.tensors.at("classifier.weight"), checkpoint.tensors.at("classifier.weight")));
}

TEST(TokenClassifier, RefusesWhatItCannotUse) {
  BertConfig config = TinyConfig();
  config.tags.clear();
  Checkpoint checkpoint = RandomCheckpoint(config);
  EXPECT_EQ(TokenClassifier::Create(checkpoint, {}, 0, at::kCPU).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(TokenClassifier::Create(checkpoint, {"O", "B-X", "I-X"}, 0, at::kCPU).ok());
  checkpoint.tensors.erase("bert.encoder.layer.1.output.dense.bias");
  const absl::Status status = TokenClassifier::Create(checkpoint, {"O", "B-X", "I-X"}, 0, at::kCPU).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("bert.encoder.layer.1.output.dense.bias"), std::string::npos);
}

TEST(TokenClassifier, RefusesBatchesOutsideItsTables) {
  const auto model = Model(RandomCheckpoint(TinyConfig()));
  PackedBatch longer = RandomBatch({3, 71}, 50);
  EXPECT_EQ(AllLogits(*model, longer).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THROW(model->TrainingLogits(longer, {0}, 1), c10::Error);
  for (const int32_t id : {-1, 50}) {
    PackedBatch unknown;
    unknown.Add({1, id});
    EXPECT_EQ(AllLogits(*model, unknown).status().code(), absl::StatusCode::kInvalidArgument);
  }
  PackedBatch batch = RandomBatch({3}, 50);
  EXPECT_THROW(model->TrainingLogits(batch, {3}, 1), c10::Error);
  EXPECT_EQ(model->Logits(batch, {3}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(AllLogits(*model, PackedBatch()).value().sizes(), at::IntArrayRef({0, 3}));
}

}  // namespace
}  // namespace fintag
