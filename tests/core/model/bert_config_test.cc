#include "core/model/bert_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace fintag {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

json Minimal() {
  return json{{"model_type", "bert"},         {"vocab_size", 40},         {"hidden_size", 8},
              {"num_hidden_layers", 2},       {"num_attention_heads", 2}, {"intermediate_size", 16},
              {"max_position_embeddings", 24}};
}

json Tagger() {
  json object = Minimal();
  object["architectures"] = {"BertForTokenClassification"};
  object["id2label"] = {{"0", "O"}, {"1", "B-PER"}, {"2", "I-PER"}};
  return object;
}

absl::Status StatusWith(const std::string& field, const json& value) {
  json object = Tagger();
  object[field] = value;
  return ParseBertConfig(object.dump()).status();
}

TEST(BertConfig, ReadsEveryField) {
  json object = Tagger();
  object.update({{"type_vocab_size", 3},
                 {"hidden_act", "gelu_new"},
                 {"layer_norm_eps", 1e-7},
                 {"hidden_dropout_prob", 0.2},
                 {"attention_probs_dropout_prob", 0.3},
                 {"classifier_dropout", 0.4},
                 {"initializer_range", 0.05},
                 {"pad_token_id", 7}});
  const auto config = ParseBertConfig(object.dump());
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->vocabulary_size, 40);
  EXPECT_EQ(config->hidden_size, 8);
  EXPECT_EQ(config->layers, 2);
  EXPECT_EQ(config->heads, 2);
  EXPECT_EQ(config->head_size(), 4);
  EXPECT_EQ(config->intermediate_size, 16);
  EXPECT_EQ(config->max_positions, 24);
  EXPECT_EQ(config->token_types, 3);
  EXPECT_EQ(config->activation, Activation::kGeluTanh);
  EXPECT_EQ(config->layer_norm_epsilon, 1e-7);
  EXPECT_EQ(config->hidden_dropout, 0.2);
  EXPECT_EQ(config->attention_dropout, 0.3);
  EXPECT_EQ(config->classifier_dropout, 0.4);
  EXPECT_EQ(config->initializer_range, 0.05);
  EXPECT_EQ(config->padding_id, 7);
  EXPECT_THAT(config->tags, ElementsAre("O", "B-PER", "I-PER"));
}

TEST(BertConfig, TakesTheDefaultsOfTransformersForAbsentAndNullFields) {
  json object = Minimal();
  object["hidden_act"] = nullptr;
  object["pad_token_id"] = nullptr;
  object["layer_norm_eps"] = nullptr;
  const auto config = ParseBertConfig(object.dump());
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->token_types, 2);
  EXPECT_EQ(config->activation, Activation::kGelu);
  EXPECT_EQ(config->layer_norm_epsilon, 1e-12);
  EXPECT_EQ(config->hidden_dropout, 0.1);
  EXPECT_EQ(config->classifier_dropout, std::nullopt);
  EXPECT_EQ(config->padding_id, 0);
  EXPECT_THAT(config->tags, IsEmpty());
}

TEST(BertConfig, WritesWhatItReads) {
  json object = Tagger();
  for (const char* activation : {"gelu", "gelu_pytorch_tanh", "relu"}) {
    object["hidden_act"] = activation;
    object["hidden_dropout_prob"] = 0.25;
    object["classifier_dropout"] = 0.15;
    object["layer_norm_eps"] = 3e-9;
    for (int tag = 3; tag < 13; ++tag) object["id2label"][std::to_string(tag)] = "B-T" + std::to_string(tag);
    const auto config = ParseBertConfig(object.dump());
    ASSERT_TRUE(config.ok()) << config.status();
    const std::string written = BertConfigJson(*config);
    const auto again = ParseBertConfig(written);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(BertConfigJson(*again), written);
    EXPECT_EQ(again->tags, config->tags);
    EXPECT_EQ(again->activation, config->activation);
    EXPECT_EQ(again->hidden_dropout, 0.25);
    EXPECT_EQ(again->classifier_dropout, 0.15);
    EXPECT_EQ(again->layer_norm_epsilon, 3e-9);
  }
}

TEST(BertConfig, WritesLabelsInTheirOrderWithTheirInverse) {
  BertConfig config = *ParseBertConfig(Tagger().dump());
  config.tags.clear();
  for (int tag = 0; tag < 12; ++tag) config.tags.push_back("T" + std::to_string(tag));
  const auto object = nlohmann::ordered_json::parse(BertConfigJson(config));
  EXPECT_EQ(object["architectures"][0], "BertForTokenClassification");
  int next = 0;
  for (const auto& [id, label] : object["id2label"].items()) {
    EXPECT_EQ(id, std::to_string(next));
    EXPECT_EQ(label, config.tags[next]);
    EXPECT_EQ(object["label2id"][config.tags[next]], next);
    ++next;
  }
  EXPECT_EQ(next, 12);
}

TEST(BertConfig, WritesABaseEncoderWithoutLabels) {
  const auto object = json::parse(BertConfigJson(*ParseBertConfig(Minimal().dump())));
  EXPECT_EQ(object["architectures"], json::array({"BertModel"}));
  EXPECT_FALSE(object.contains("id2label"));
}

TEST(BertConfig, NamesTheFieldThatIsWrong) {
  const std::pair<const char*, json> wrong[] = {
      {"model_type", "roberta"},
      {"model_type", 3},
      {"position_embedding_type", "relative_key"},
      {"hidden_act", "silu"},
      {"is_decoder", true},
      {"pruned_heads", {{"0", {1}}}},
      {"vocab_size", nullptr},
      {"vocab_size", 0},
      {"vocab_size", "40"},
      {"hidden_size", 8.0},
      {"hidden_size", -8},
      {"hidden_size", 18446744073709551615u},
      {"num_hidden_layers", 0},
      {"num_hidden_layers", 1000000},
      {"num_attention_heads", 3},
      {"intermediate_size", 1e300},
      {"max_position_embeddings", 0},
      {"type_vocab_size", 0},
      {"layer_norm_eps", -1e-12},
      {"layer_norm_eps", "small"},
      {"hidden_dropout_prob", 1.0},
      {"attention_probs_dropout_prob", -0.1},
      {"classifier_dropout", 1.5},
      {"pad_token_id", 40},
      {"id2label", {"O"}},
      {"id2label", {{"0", "O"}, {"2", "B-PER"}}},
      {"id2label", {{"0", "O"}, {"01", "B-PER"}}},
      {"id2label", {{"0", "O"}, {"one", "B-PER"}}},
      {"id2label", {{"0", "O"}, {"1", 5}}},
      {"id2label", {{"0", "O"}, {"1", ""}}},
      {"id2label", {{"0", "O"}, {"1", "O"}}},
  };
  for (const auto& [field, value] : wrong) {
    const absl::Status status = StatusWith(field, value);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << field << " = " << value;
    EXPECT_THAT(std::string(status.message()), HasSubstr(field)) << value;
  }
}

TEST(BertConfig, RefusesMoreParametersThanTwoToThe31) {
  json object = Minimal();
  object["hidden_size"] = 65536;
  object["intermediate_size"] = 65536;
  EXPECT_EQ(ParseBertConfig(object.dump()).status().code(), absl::StatusCode::kInvalidArgument);
  object = Minimal();
  for (const char* field : {"vocab_size", "hidden_size", "intermediate_size", "max_position_embeddings"}) {
    object[field] = 2147483647;
  }
  object["num_attention_heads"] = 1;
  EXPECT_EQ(ParseBertConfig(object.dump()).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(BertConfig, TakesLabelsOfATokenClassifierOnly) {
  json object = Minimal();
  object["id2label"] = {{"0", "LABEL_0"}, {"1", "LABEL_1"}};
  EXPECT_THAT(ParseBertConfig(object.dump())->tags, IsEmpty());
  object["architectures"] = {"BertForTokenClassification"};
  EXPECT_THAT(ParseBertConfig(object.dump())->tags, ElementsAre("LABEL_0", "LABEL_1"));
  object["architectures"] = {"BertForSequenceClassification"};
  object["id2label"] = {{"0", "negative"}, {"1", "positive"}};
  EXPECT_THAT(ParseBertConfig(object.dump())->tags, IsEmpty());
  object["id2label"] = {{"0", "O"}, {"1", "B-PER"}};
  EXPECT_THAT(ParseBertConfig(object.dump())->tags, ElementsAre("O", "B-PER"));
}

TEST(BertConfig, KnowsABertWithoutModelTypeByItsArchitecture) {
  json object = Minimal();
  object.erase("model_type");
  EXPECT_THAT(std::string(ParseBertConfig(object.dump()).status().message()), HasSubstr("model_type"));
  object["architectures"] = {"BertForMaskedLM"};
  EXPECT_TRUE(ParseBertConfig(object.dump()).ok());
}

TEST(BertConfig, RefusesWhatIsNotOneJsonObject) {
  const std::string cases[] = {"",
                               "{",
                               "[]",
                               "null",
                               "{} {}",
                               "\xff\xfe{}",
                               R"({"a": 1, "a": 2})",
                               R"({"a": 1e999})",
                               std::string("{\"a\": ") + std::string(100000, '[') + std::string(100000, ']') + "}",
                               std::string(100000, '{'),
                               std::string("{\"a\": ") + std::string(1000000, '[')};
  for (const std::string& text : cases) {
    const auto config = ParseBertConfig(text);
    EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument) << text.substr(0, 40);
    EXPECT_LT(config.status().message().size(), 500);
  }
}

TEST(BertConfig, RefusesMoreValuesThanAConfigurationHas) {
  std::string lists = "{\"a\":[";
  for (int i = 0; i < 1'000'000; ++i) lists += "[],";
  EXPECT_THAT(ParseBertConfig(lists + "0]}").status().ToString(), HasSubstr("more than 1000000 values"));
}

}  // namespace
}  // namespace fintag
