#include "core/training/training_options.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>

namespace fintag {
namespace {

TEST(TrainingOptions, DefaultsAreValid) { EXPECT_TRUE(CheckTrainingOptions({}).empty()); }

TEST(TrainingOptions, EachFieldOutOfRangeIsNamed) {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const std::vector<std::pair<std::string, std::function<void(TrainingOptions&)>>> cases = {
      {"epochs", [](auto& o) { o.epochs = 1001; }},
      {"learning_rate", [](auto& o) { o.learning_rate = 0; }},
      {"learning_rate", [](auto& o) { o.learning_rate = kNaN; }},
      {"batch_sentences", [](auto& o) { o.batch_sentences = 0; }},
      {"batch_tokens", [](auto& o) { o.batch_tokens = 15; }},
      {"gradient_accumulation", [](auto& o) { o.gradient_accumulation = 1025; }},
      {"weight_decay", [](auto& o) { o.weight_decay = -0.1; }},
      {"adam_beta1", [](auto& o) { o.adam_beta1 = 1; }},
      {"adam_beta2", [](auto& o) { o.adam_beta2 = kNaN; }},
      {"adam_epsilon", [](auto& o) { o.adam_epsilon = kInfinity; }},
      {"warmup_ratio", [](auto& o) { o.warmup_ratio = 1; }},
      {"max_gradient_norm", [](auto& o) { o.max_gradient_norm = -1; }},
      {"dropout", [](auto& o) { o.dropout = 1; }},
      {"validation_fraction", [](auto& o) { o.validation_fraction = 1; }},
      {"device", [](auto& o) { o.device = "cuda:0"; }},
      {"precision", [](auto& o) { o.precision = "int8"; }},
      {"threads", [](auto& o) { o.threads = -1; }},
      {"processes", [](auto& o) { o.processes = 0; }},
      {"processes", [](auto& o) { o.processes = 1025; }},
  };
  for (const auto& [field, spoil] : cases) {
    TrainingOptions options;
    spoil(options);
    const std::vector<FieldError> errors = CheckTrainingOptions(options);
    ASSERT_EQ(errors.size(), 1u) << field;
    EXPECT_EQ(errors[0].field, field);
    EXPECT_NE(errors[0].reason.find("must be"), std::string::npos);
  }
}

TEST(TrainingOptions, EveryWrongFieldIsReported) {
  TrainingOptions options;
  options.epochs = 0;
  options.learning_rate = 2;
  options.device = "";
  EXPECT_EQ(CheckTrainingOptions(options).size(), 3u);
}

}  // namespace
}  // namespace fintag
