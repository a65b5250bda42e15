#include "core/training/job_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace fintag {
namespace {

using ::testing::HasSubstr;

JobSpec SomeSpec() {
  JobSpec spec;
  spec.job = "jobs/abc";
  spec.base = "/models/base";
  spec.base_sha256 = "ab12";
  spec.train = "train.jsonl";
  spec.validation = "validation.jsonl";
  spec.train_name = "FIN5.txt";
  spec.validation_name = "FIN3.txt";
  spec.train_sha256 = "feed";
  spec.trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
  spec.options = {.epochs = 7,
                  .learning_rate = 1e-4,
                  .batch_sentences = 16,
                  .batch_tokens = 512,
                  .gradient_accumulation = 2,
                  .weight_decay = 0.01,
                  .adam_beta1 = 0.8,
                  .adam_beta2 = 0.99,
                  .adam_epsilon = 1e-6,
                  .schedule = Schedule::kConstant,
                  .warmup_ratio = 0.1,
                  .max_gradient_norm = 0.5,
                  .dropout = 0.25,
                  .seed = 0xFFFFFFFFFFFFFFFFu,
                  .keep = KeepCheckpoint::kLast,
                  .validation_fraction = 0.2,
                  .shuffle = false,
                  .device = "cpu",
                  .precision = "bf16",
                  .threads = 3,
                  .processes = 4};
  return spec;
}

TEST(JobSpec, ComesBackAsItWent) {
  for (const bool with_dropout : {true, false}) {
    JobSpec spec = SomeSpec();
    if (!with_dropout) spec.options.dropout.reset();
    const std::string json = JobSpecJson(spec);
    const absl::StatusOr<JobSpec> parsed = ParseJobSpec(json);
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(JobSpecJson(*parsed), json);
    EXPECT_EQ(parsed->trace_id, spec.trace_id);
    EXPECT_EQ(parsed->options.seed, 0xFFFFFFFFFFFFFFFFu);
    EXPECT_EQ(parsed->options.dropout.has_value(), with_dropout);
    EXPECT_EQ(parsed->options.learning_rate, 1e-4);
    EXPECT_EQ(parsed->options.schedule, Schedule::kConstant);
    EXPECT_EQ(parsed->options.keep, KeepCheckpoint::kLast);
    EXPECT_FALSE(parsed->options.shuffle);
    EXPECT_EQ(parsed->options.precision, "bf16");
    EXPECT_EQ(parsed->options.processes, 4);
    EXPECT_EQ(parsed->train, "train.jsonl");
    EXPECT_EQ(parsed->train_sha256, "feed");
    EXPECT_EQ(parsed->validation_sha256, "");
  }
}

TEST(JobSpec, AbsentOptionsKeepTheirDefaults) {
  const absl::StatusOr<JobSpec> parsed = ParseJobSpec(R"({"base":"b","train":"t/x.txt","options":{"epochs":2}})");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->options.epochs, 2);
  EXPECT_EQ(parsed->options.learning_rate, TrainingOptions().learning_rate);
  EXPECT_EQ(parsed->train_name, "x.txt");
  EXPECT_TRUE(parsed->validation.empty());
}

TEST(JobSpec, NamesTheFieldThatIsWrong) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "not a JSON object"},
      {"[]", "not a JSON object"},
      {R"({"train":"t"})", "base: is missing"},
      {R"({"base":"b"})", "train: is missing"},
      {R"({"base":3,"train":"t"})", "base: must be a string, is 3"},
      {R"({"base":"b","train":"t","tarin":"u"})", "tarin: no such field"},
      {R"({"base":"b","train":"t","options":[]})", "options: must be an object"},
      {R"({"base":"b","train":"t","options":{"epoch":1}})", "options.epoch: no such option"},
      {R"({"base":"b","train":"t","options":{"epochs":1.5}})", "options.epochs: must be a whole number, is 1.5"},
      {R"({"base":"b","train":"t","options":{"epochs":4294967297}})", "options.epochs: must be a whole number"},
      {R"({"base":"b","train":"t","options":{"epochs":0}})", "options.epochs: must be 1 to 1000, is 0"},
      {R"({"base":"b","train":"t","options":{"seed":-1}})", "options.seed: must be a whole number from 0"},
      {R"({"base":"b","train":"t","options":{"shuffle":1}})", "options.shuffle: must be true or false"},
      {R"({"base":"b","train":"t","options":{"schedule":"cosine"}})", "options.schedule: must be linear or constant"},
      {R"({"base":"b","train":"t","options":{"keep":null}})", "options.keep: must be best or last"},
      {R"({"base":"b","train":"t","options":{"device":"tpu"}})", "options.device: must be auto, cpu or cuda, is tpu"},
      {R"({"base":"b","train":"t","options":{"dropout":1}})", "options.dropout: must be at least 0 and under 1"},
  };
  for (const auto& [json, reason] : cases) {
    const absl::Status status = ParseJobSpec(json).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << json;
    EXPECT_THAT(std::string(status.message()), HasSubstr(reason)) << json;
  }
}

TEST(JobSpec, NamesEveryWrongField) {
  const absl::Status status =
      ParseJobSpec(R"({"base":"b","train":"t","options":{"epochs":0,"learning_rate":-3,"threads":-1}})").status();
  for (const char* field : {"epochs", "learning_rate", "threads"}) {
    EXPECT_THAT(std::string(status.message()), HasSubstr(field));
  }
}

}  // namespace
}  // namespace fintag
