#include "client/bench/request_set.h"

#include <fintag/v1/tagging.pb.h>
#include <gmock/gmock.h>
#include <grpcpp/support/slice.h>
#include <gtest/gtest.h>
#include <inference/infer.pb.h>

#include <set>

namespace fintag::bench {
namespace {

template <typename Message>
Message Parsed(const PreparedRequest& request) {
  std::vector<grpc::Slice> slices;
  EXPECT_TRUE(request.message.Dump(&slices).ok());
  std::string bytes;
  for (const grpc::Slice& slice : slices) bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  Message message;
  EXPECT_TRUE(message.ParseFromString(bytes));
  return message;
}

std::vector<std::string> TextsOf(const fintag::v1::TagRequest& request) {
  std::vector<std::string> texts;
  for (const auto& input : request.inputs()) texts.push_back(input.text());
  return texts;
}

Options WithTexts(int32_t texts) {
  Options options;
  options.model = "tagger";
  options.texts = texts;
  return options;
}

TEST(RequestSet, GivesEachRequestItsTextsInTurn) {
  RequestSet requests(WithTexts(2), {"a", "bb", "ccc", "dddd", "eeeee"});
  EXPECT_EQ(requests.method(), "/fintag.v1.TaggingService/Tag");
  ASSERT_EQ(requests.size(), 3u);
  std::vector<std::string> all;
  for (int i = 0; i < 3; ++i) {
    const PreparedRequest& request = requests.Next();
    const auto message = Parsed<fintag::v1::TagRequest>(request);
    EXPECT_EQ(message.model(), "models/tagger");
    int64_t bytes = 0;
    for (const std::string& text : TextsOf(message)) {
      all.push_back(text);
      bytes += static_cast<int64_t>(text.size());
    }
    EXPECT_EQ(message.inputs_size(), 2);
    EXPECT_EQ(request.text_bytes, bytes);
  }
  EXPECT_EQ(all.back(), all.front());  // filled up
  all.pop_back();
  EXPECT_THAT(all, testing::UnorderedElementsAre("a", "bb", "ccc", "dddd", "eeeee"));
  EXPECT_EQ(TextsOf(Parsed<fintag::v1::TagRequest>(requests.Next())).front(), all.front());
}

TEST(RequestSet, RepeatsTextsWhereARequestHoldsMoreThanThereAre) {
  RequestSet requests(WithTexts(5), {"a", "b"});
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_EQ(Parsed<fintag::v1::TagRequest>(requests.Next()).inputs_size(), 5);
}

TEST(RequestSet, IsTheSameForTheSameSeed) {
  std::vector<std::string> texts;
  for (int i = 0; i < 50; ++i) texts.push_back(std::to_string(i));
  const auto order = [&](uint64_t seed) {
    Options options = WithTexts(1);
    options.seed = seed;
    RequestSet requests(options, texts);
    std::vector<std::string> all;
    for (int i = 0; i < 50; ++i) all.push_back(TextsOf(Parsed<fintag::v1::TagRequest>(requests.Next())).front());
    return all;
  };
  EXPECT_EQ(order(1), order(1));
  EXPECT_NE(order(1), order(2));
}

TEST(RequestSet, MakesTensorsForTheInferenceProtocol) {
  Options options = WithTexts(2);
  options.protocol = Protocol::kInference;
  options.model = "ner";
  options.input = "SENTENCE";
  RequestSet requests(options, {"a", "b"});
  EXPECT_EQ(requests.method(), "/inference.GRPCInferenceService/ModelInfer");
  const auto message = Parsed<inference::ModelInferRequest>(requests.Next());
  EXPECT_EQ(message.model_name(), "ner");
  ASSERT_EQ(message.inputs_size(), 1);
  EXPECT_EQ(message.inputs(0).name(), "SENTENCE");
  EXPECT_EQ(message.inputs(0).datatype(), "BYTES");
  EXPECT_THAT(message.inputs(0).shape(), testing::ElementsAre(2));
  EXPECT_THAT(message.inputs(0).contents().bytes_contents(), testing::UnorderedElementsAre("a", "b"));
}

}  // namespace
}  // namespace fintag::bench
