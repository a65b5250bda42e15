#include "server/api/inference_messages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "server/api/bytes_tensor.h"

namespace fintag::server {
namespace {

using ::testing::ElementsAre;
using ::testing::StartsWith;

inference::ModelInferRequest MakeRequest(const std::vector<std::string>& texts) {
  inference::ModelInferRequest request;
  request.set_model_name("sec");
  auto& tensor = *request.add_inputs();
  tensor.set_name("TEXT");
  tensor.set_datatype("BYTES");
  tensor.add_shape(static_cast<int64_t>(texts.size()));
  std::string& raw = *request.add_raw_input_contents();
  for (const std::string& text : texts) AppendElement(text, raw);
  return request;
}

std::vector<std::string> TextsOf(const InferQuestion& question) {
  std::vector<std::string> texts;
  for (const auto& input : question.inputs) texts.push_back(input.text());
  return texts;
}

TEST(InferenceMessages, ReadsRawContents) {
  const InferQuestion question = ReadInferRequest(MakeRequest({"Acme Corp.", "", "Größe"}), 10).value();
  EXPECT_EQ(question.model, "models/sec");
  EXPECT_THAT(TextsOf(question), ElementsAre("Acme Corp.", "", "Größe"));
  EXPECT_THAT(question.outputs, ElementsAre("ENTITIES"));
  EXPECT_FALSE(question.options.include_words());
  EXPECT_FALSE(question.timeout.has_value());
}

TEST(InferenceMessages, ReadsContentsAndColumns) {
  inference::ModelInferRequest request = MakeRequest({"a", "b"});
  request.clear_raw_input_contents();
  request.mutable_inputs(0)->mutable_contents()->add_bytes_contents("a");
  request.mutable_inputs(0)->mutable_contents()->add_bytes_contents("b");
  request.mutable_inputs(0)->add_shape(1);
  EXPECT_THAT(TextsOf(ReadInferRequest(request, 10).value()), ElementsAre("a", "b"));
}

TEST(InferenceMessages, ReadsVersionOutputsAndParameters) {
  inference::ModelInferRequest request = MakeRequest({"a"});
  request.set_model_version("3");
  request.add_outputs()->set_name("TAGS");
  request.add_outputs()->set_name("ENTITIES");
  (*request.mutable_parameters())["decoding"].set_string_param("constrained");
  (*request.mutable_parameters())["timeout"].set_int64_param(1500);
  (*request.mutable_inputs(0)->mutable_parameters())["binary_data_size"].set_int64_param(5);
  const InferQuestion question = ReadInferRequest(request, 10).value();
  EXPECT_EQ(question.model, "models/sec/versions/3");
  EXPECT_THAT(question.outputs, ElementsAre("TAGS", "ENTITIES"));
  EXPECT_TRUE(question.options.include_words());
  EXPECT_EQ(question.options.decoding(), fintag::v1::DECODING_CONSTRAINED);
  EXPECT_EQ(question.timeout, std::chrono::microseconds(1500));
}

TEST(InferenceMessages, WrongRequestsNameTheField) {
  using Request = inference::ModelInferRequest;
  const std::vector<std::pair<std::string, std::function<void(Request&)>>> wrongs = {
      {"model_name: ", [](Request& r) { r.set_model_name("models/sec"); }},
      {"model_name: ", [](Request& r) { r.clear_model_name(); }},
      {"model_version: ", [](Request& r) { r.set_model_version("newest"); }},
      {"model_version: ", [](Request& r) { r.set_model_version("01"); }},
      {"inputs: must be one tensor, TEXT, are 0", [](Request& r) { r.clear_inputs(); }},
      {"inputs: must be one tensor, TEXT, are 2", [](Request& r) { r.add_inputs(); }},
      {"inputs[0].name: must be TEXT, is text", [](Request& r) { r.mutable_inputs(0)->set_name("text"); }},
      {"inputs[0].datatype: must be BYTES, is FP32", [](Request& r) { r.mutable_inputs(0)->set_datatype("FP32"); }},
      {"inputs[0].shape: ", [](Request& r) { r.mutable_inputs(0)->clear_shape(); }},
      {"inputs[0].shape: ", [](Request& r) { r.mutable_inputs(0)->set_shape(0, 0); }},
      {"inputs[0].shape: ", [](Request& r) { r.mutable_inputs(0)->set_shape(0, -1); }},
      {"inputs[0].shape: ", [](Request& r) { r.mutable_inputs(0)->set_shape(0, 11); }},
      {"inputs[0].shape: ", [](Request& r) { r.mutable_inputs(0)->add_shape(2); }},
      {"inputs[0].parameters: has shared_memory_region",
       [](Request& r) { (*r.mutable_inputs(0)->mutable_parameters())["shared_memory_region"]; }},
      {"inputs[0].contents.bytes_contents: has 0 texts, the shape says 2",
       [](Request& r) { r.clear_raw_input_contents(); }},
      {"inputs[0].contents: must have bytes_contents alone",
       [](Request& r) {
         r.clear_raw_input_contents();
         r.mutable_inputs(0)->mutable_contents()->add_fp32_contents(1);
       }},
      {"raw_input_contents: must be empty where",
       [](Request& r) { r.mutable_inputs(0)->mutable_contents()->add_bytes_contents("a"); }},
      {"raw_input_contents: must have one entry", [](Request& r) { r.add_raw_input_contents(); }},
      {"raw_input_contents[0]: has 2 texts, the shape says 3",
       [](Request& r) { r.mutable_inputs(0)->set_shape(0, 3); }},
      {"raw_input_contents[0]: ends at byte", [](Request& r) { r.mutable_raw_input_contents(0)->resize(7); }},
      {"outputs[0].name: must be ENTITIES, TAGS or TOKENS, is LOGITS",
       [](Request& r) { r.add_outputs()->set_name("LOGITS"); }},
      {"outputs[1].name: TAGS is asked for twice",
       [](Request& r) {
         r.add_outputs()->set_name("TAGS");
         r.add_outputs()->set_name("TAGS");
       }},
      {"outputs[0].parameters: has classification",
       [](Request& r) {
         r.add_outputs()->set_name("TAGS");
         (*r.mutable_outputs(0)->mutable_parameters())["classification"].set_int64_param(3);
       }},
      {"parameters: has priority", [](Request& r) { (*r.mutable_parameters())["priority"].set_uint64_param(1); }},
      {"parameters[decoding]: ", [](Request& r) { (*r.mutable_parameters())["decoding"].set_string_param("best"); }},
      {"parameters[decoding]: ", [](Request& r) { (*r.mutable_parameters())["decoding"].set_bool_param(true); }},
      {"parameters[timeout]: ", [](Request& r) { (*r.mutable_parameters())["timeout"].set_int64_param(0); }},
      {"parameters[timeout]: ", [](Request& r) { (*r.mutable_parameters())["timeout"].set_string_param("1s"); }},
      {"parameters[timeout]: ", [](Request& r) { (*r.mutable_parameters())["timeout"].set_uint64_param(1ULL << 63); }},
  };
  for (const auto& [message, damage] : wrongs) {
    inference::ModelInferRequest request = MakeRequest({"a", "b"});
    damage(request);
    const absl::Status status = ReadInferRequest(request, 10).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << message;
    EXPECT_THAT(std::string(status.message()), StartsWith(message));
  }
}

// Requests of random bytes: most are no messages at all, those that are must be read or refused.
TEST(InferenceMessages, AnyRequestIsReadOrRefused) {
  std::mt19937 random(11);
  const std::string good = MakeRequest({"Acme Corp.", "is in Paris"}).SerializeAsString();
  int parsed = 0;
  int read = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = good;
    const int changes = static_cast<int>(random() % 3);
    for (int i = 0; i < changes; ++i) bytes[random() % bytes.size()] = static_cast<char>(random());
    inference::ModelInferRequest request;
    if (!request.ParseFromString(bytes)) continue;
    ++parsed;
    const absl::StatusOr<InferQuestion> question = ReadInferRequest(request, 10);
    if (question.ok()) ++read;
    ASSERT_TRUE(question.ok() || absl::IsInvalidArgument(question.status()));
  }
  EXPECT_GT(parsed, read);
  EXPECT_GT(read, 1000);
}

TEST(InferenceMessages, AnswersInTheOrderAskedForAsRawJson) {
  inference::ModelInferRequest request = MakeRequest({"Acme in Paris", ""});
  request.set_id("42");
  request.add_outputs()->set_name("TAGS");
  request.add_outputs()->set_name("ENTITIES");
  request.add_outputs()->set_name("TOKENS");
  fintag::v1::TagResponse tagged;
  tagged.set_model_version("models/sec/versions/7");
  auto& first = *tagged.add_results();
  tagged.add_results();
  for (const auto& [word, tag] : {std::pair("Acme", "B-ORG"), std::pair("in", "O"), std::pair("Paris", "B-LOC")}) {
    auto& out = *first.add_words();
    out.set_text(word);
    out.set_tag(tag);
  }
  auto& entity = *first.add_entities();
  entity.set_text("Acme");
  entity.set_label("ORG");
  entity.set_end(4);
  entity.set_score(0.982F);

  const inference::ModelInferResponse response =
      MakeInferResponse(request, ReadInferRequest(request, 10).value(), tagged);
  EXPECT_EQ(response.id(), "42");
  EXPECT_EQ(response.model_name(), "sec");
  EXPECT_EQ(response.model_version(), "7");
  ASSERT_EQ(response.outputs_size(), 3);
  ASSERT_EQ(response.raw_output_contents_size(), 3);
  const std::vector<std::vector<std::string>> expected = {
      {R"(["B-ORG","O","B-LOC"])", "[]"},
      {R"([{"text":"Acme","label":"ORG","start":0,"end":4,"score":0.982}])", "[]"},
      {R"(["Acme","in","Paris"])", "[]"}};
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(response.outputs(i).name(), request.outputs(i).name());
    EXPECT_EQ(response.outputs(i).datatype(), "BYTES");
    EXPECT_THAT(response.outputs(i).shape(), ElementsAre(2));
    EXPECT_THAT(ReadElements(response.raw_output_contents(i), 2).value(), ::testing::ElementsAreArray(expected[i]));
  }
}

}  // namespace
}  // namespace fintag::server
