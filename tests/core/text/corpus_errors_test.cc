// What ReadCorpus says of files that are wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "absl/strings/str_cat.h"
#include "core/text/corpus.h"

namespace fintag {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

struct Case {
  std::string bytes;
  int64_t line;
  std::string reason;  // a part of it
};

void ExpectError(const Case& c) {
  std::vector<LineError> errors;
  const absl::StatusOr<Corpus> corpus = ReadCorpus(c.bytes, "data.txt", &errors);
  ASSERT_EQ(corpus.status().code(), absl::StatusCode::kInvalidArgument) << c.bytes;
  ASSERT_FALSE(errors.empty());
  EXPECT_EQ(errors[0].line, c.line) << c.bytes;
  EXPECT_THAT(errors[0].reason, HasSubstr(c.reason));
  EXPECT_THAT(errors[0].reason, testing::Not(HasSubstr("\n")));
  EXPECT_THAT(std::string(corpus.status().message()),
              AllOf(StartsWith(absl::StrCat("data.txt:", c.line, ": ")), HasSubstr(errors[0].reason)));
}

TEST(ReadCorpusErrors, NamesLineAndReasonInColumns) {
  const std::vector<Case> cases = {
      {"", 1, "no sentence"},
      {"\n\n", 1, "no sentence"},
      {"\xEF\xBB\xBF", 1, "no sentence"},
      {"-DOCSTART- -X- O O\n", 1, "no sentence"},
      {"a O\nb\n", 2, "one column only"},
      {"a O\nb\t\n", 2, "one column only"},
      {"a O\n\tO\n", 2, "the word, is empty"},
      {"a O\n\nb X\n", 3, "X is no tag"},
      {"a O\nb PER\n", 2, "PER is no tag"},
      {"a O\nb b-PER\n", 2, "b-PER is no tag"},
      {"a O\nb B-\n", 2, "has no label"},
      {"a O\nb B-A\x01\x7F\x02:\n", 2, "fits"},
      {"a O\nb Z\x01\x7F\n", 2, "'Z\\x01\\x7f' is no tag"},
      {"a B-X\nb I-Y\n", 2, "I-Y after B-X is illegal in IOB2"},
      {"a B-X\n\nb I-X\n", 3, "I-X at the start of a sentence is illegal in IOB2"},
      {"a B-X\n-DOCSTART-\nb I-X\n", 3, "I-X at the start of a sentence is illegal in IOB2"},
      {"a S-X\nb B-X\nc O\nd S-X\ne S-X\n", 3, "O after B-X is illegal in IOBES"},
      {"a U-X\nb L-X\n", 2, "L-X after U-X is illegal in BILOU"},
      {"a S-X\nb U-X\n", 2, "no scheme has all the prefixes S, U"},
      {"a O\nb\xFF O\n", 2, "byte 1"},
      {std::string("\xFF\xFE"
                   "a\0 \0O\0",
                   8),
       1, "UTF-16"},
      {"[{\"tokens\":[\"a\"],\"tags\":[\"O\"]}]", 1, "one JSON list"},
  };
  for (const Case& c : cases) {
    if (c.reason == "fits") {
      EXPECT_TRUE(ReadCorpus(c.bytes, "f").ok());  // control characters are fine, in a label too
    } else {
      ExpectError(c);
    }
  }
}

TEST(ReadCorpusErrors, NamesLineAndReasonInJsonLines) {
  const std::string good = "{\"tokens\":[\"a\"],\"tags\":[\"O\"]}\n";
  const auto entities = [](const std::string& list) { return "{\"text\":\"ab cd\",\"entities\":[" + list + "]}"; };
  const std::vector<Case> cases = {
      {"{", 1, "does not end on this line"},
      {good + "{\"tokens\":[\"a\"],", 2, "does not end on this line"},
      {good + "{]", 2, "not JSON at byte 2"},
      {good + "{\"tokens\":[\"\\ud800\"]}", 2, "not JSON at byte"},
      {good + "{\"x\":1e999}", 2, "not JSON"},
      {good + "{} {}", 2, "not JSON at byte 4"},
      {good + "a O", 2, "not JSON at byte 1"},
      {good + "[1]", 2, "must be a JSON object"},
      {good + "7", 2, "must be a JSON object"},
      {good + "{}", 2, "needs \"tokens\" and \"tags\""},
      {good + "{\"tokens\":[\"a\"]}", 2, "\"tags\" is missing"},
      {good + "{\"tags\":[\"O\"]}", 2, "\"tokens\" is missing"},
      {good + "{\"text\":\"a\"}", 2, "\"entities\":[]"},
      {good + "{\"entities\":[]}", 2, "\"text\" is missing"},
      {good + "{\"tokens\":[],\"tags\":[]}", 2, "\"tokens\" is empty"},
      {good + "{\"tokens\":[\"a\"],\"tags\":[]}", 2, "1 entries but \"tags\" has 0"},
      {good + "{\"tokens\":[\"\"],\"tags\":[\"O\"]}", 2, "tokens[0] is empty"},
      {good + "{\"tokens\":[\"a\"],\"tags\":[\"\"]}", 2, "tags[0]: the tag is empty"},
      {good + "{\"tokens\":[\"a\"],\"tags\":[\"B-\"]}", 2, "tags[0]: the tag B- has no label"},
      {good + "{\"tokens\":[\"a\"],\"tags\":[3]}", 2, "tags[0] must be a string"},
      {good + "{\"tokens\":[\"a\",[\"b\"]],\"tags\":[3]}", 2, "tokens[1] must be a string"},
      {good + "{\"tokens\":\"a\",\"tags\":[\"O\"]}", 2, "\"tokens\" must be a list of strings"},
      {good + "{\"tokens\":[\"a\"],\"tags\":{}}", 2, "\"tags\" must be a list of strings"},
      {good + "{\"tokens\":[\"a\"],\"tokens\":[\"a\"]}", 2, "\"tokens\" is given twice"},
      {good + "{\"tokens\":[\"a\"],\"tags\":[\"O\"],\"entities\":[]}", 2, "both \"tags\" and \"entities\""},
      {good + "{\"tokens\":[\"a\"],\"tags\":[\"O\"],\"document\":1.5}", 2, "\"document\" must be"},
      {good + "{\"text\":[],\"entities\":[]}", 2, "\"text\" must be a string"},
      {good + "{\"text\":\"\",\"entities\":[]}", 2, "no words"},
      {good + "{\"text\":\" \\t \",\"entities\":[]}", 2, "no words"},
      {entities("[0,1,\"X\"]"), 1, "entities[0] must be an object"},
      {entities("{\"start\":0,\"end\":1}"), 1, "entities[0] lacks start, end or label"},
      {entities("{\"start\":0.5,\"end\":1,\"label\":\"X\"}"), 1, "must be integers"},
      {entities("{\"start\":0,\"end\":1,\"label\":7}"), 1, "\"label\" must be a string"},
      {entities("{\"start\":0,\"end\":1,\"label\":\"\"}"), 1, "empty label"},
      {entities("{\"start\":1,\"end\":1,\"label\":\"X\"}"), 1, "entities[0] (1 to 1) is empty"},
      {entities("{\"start\":3,\"end\":1,\"label\":\"X\"}"), 1, "is empty"},
      {entities("{\"start\":3,\"end\":6,\"label\":\"X\"}"), 1, "out of range: the text has 5 characters"},
      {entities("{\"start\":-1,\"end\":6,\"label\":\"X\"}"), 1, "out of range"},
      {entities("{\"start\":0,\"end\":9999999999999999999,\"label\":\"X\"}"), 1, "must be integers"},
      {entities("{\"start\":2,\"end\":3,\"label\":\"X\"}"), 1, "covers no word"},
      {entities("{\"start\":0,\"end\":4,\"label\":\"X\"},{\"start\":3,\"end\":5,\"label\":\"Y\"}"), 1,
       "entities[1] (Y, 3 to 5) overlaps entities[0] (X, 0 to 4)"},
      {entities("{\"start\":0,\"end\":2,\"label\":\"X\"},{\"start\":0,\"end\":2,\"label\":\"X\"}"), 1, "overlaps"},
      {good + "{\"tokens\":[\"a\",\"b\"],\"tags\":[\"S-X\",\"I-X\"]}", 2,
       "IOBES is ruled out by line 2 (tags[1]: I-X after S-X)"},
      {good + "{\"tokens\":[\"\xC3\"],\"tags\":[\"O\"]}", 2, "byte 12"},
  };
  for (const Case& c : cases) ExpectError(c);
}

TEST(ReadCorpusErrors, GivesAllErrorsOfAFileInOrder) {
  std::vector<LineError> errors;
  const absl::Status status = ReadCorpus("a B-X\nb\nc Z\n\nd I-X\n\nf B-X\ng B-X\n", "f", &errors).status();
  ASSERT_EQ(errors.size(), 3);
  EXPECT_EQ(errors[0].line, 2);
  EXPECT_EQ(errors[1].line, 3);
  EXPECT_EQ(errors[2].line, 5);
  EXPECT_THAT(std::string(status.message()), HasSubstr("\nf:3: Z is no tag"));
}

TEST(ReadCorpusErrors, GivesTheFirstHundred) {
  std::string columns = "a B-X\nb I-Y\n";
  for (int i = 0; i < 1000; ++i) columns += "b\n";
  std::string lines;
  for (int i = 0; i < 1000; ++i) lines += "{\"tokens\":[\"\",\"\"],\"tags\":[\"O\",\"x\"]}\n";
  for (const std::string& bytes : {columns, lines}) {
    std::vector<LineError> errors;
    EXPECT_FALSE(ReadCorpus(bytes, "f", &errors).ok());
    EXPECT_EQ(errors.size(), 100);
    EXPECT_TRUE(std::is_sorted(errors.begin(), errors.end(), [](auto& a, auto& b) { return a.line < b.line; }));
  }
}

TEST(ReadCorpusErrors, ClearsOldErrors) {
  std::vector<LineError> errors = {{1, "old"}};
  EXPECT_TRUE(ReadCorpus("a O\n", "f", &errors).ok());
  EXPECT_TRUE(errors.empty());
}

TEST(ReadCorpusErrors, KeepsMessagesShort) {
  const std::string long_tag(1 << 20, 'x');
  for (const std::string& bytes : {"a " + long_tag + "\n", "{\"tokens\":[\"a\"],\"tags\":[\"" + long_tag + "\"]}",
                                   "{\"" + long_tag + "\n", "{\"" + long_tag + "\" 1}", "{\"a\":" + long_tag + "}"}) {
    EXPECT_LT(ReadCorpus(bytes, "f").status().message().size(), 400);
  }
}

TEST(ReadCorpusErrors, SurvivesDeepNesting) {
  for (const std::string open : {"[", "{\"a\":"}) {
    std::string bomb = "{\"x\":";
    for (int i = 0; i < 1'000'000; ++i) bomb += open;
    EXPECT_THAT(std::string(ReadCorpus(bomb, "f").status().message()), HasSubstr("nested deeper than 100"));
    EXPECT_FALSE(ReadCorpus(std::string(1'000'000, '['), "f").ok());
    EXPECT_FALSE(ReadCorpus("{\"entities\":" + bomb, "f").ok());
  }
}

TEST(ReadCorpusErrors, SurvivesRandomDamage) {
  const std::vector<std::string> seeds = {
      "-DOCSTART- -X- O\n\nMüller NNP B-PER\nBank\tNN\tI-PER\r\n\n. . O\n",
      "{\"tokens\":[\"a\",\"é\"],\"tags\":[\"S-X\",\"O\"],\"document\":1}\n"
      "{\"text\":\"Müller Bank\",\"entities\":[{\"start\":0,\"end\":6,\"label\":\"PER\"}]}\n"};
  std::mt19937 random(99);
  int read = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = seeds[random() % seeds.size()];
    const size_t changes = 1 + random() % 4;
    for (size_t i = 0; i < changes && !bytes.empty(); ++i) {
      const size_t at = random() % bytes.size();
      switch (random() % 4) {
        case 0:
          bytes[at] = static_cast<char>(random());
          break;
        case 1:
          bytes.erase(at, 1 + random() % 5);
          break;
        case 2:
          bytes.insert(at, bytes.substr(random() % bytes.size(), random() % 20));
          break;
        default:
          bytes.insert(at, 1, "\"[]{}:,-\n\t 0"[random() % 12]);
      }
    }
    std::vector<LineError> errors;
    const absl::StatusOr<Corpus> corpus = ReadCorpus(bytes, "f", &errors);
    ASSERT_EQ(corpus.ok(), errors.empty());
    if (!corpus.ok()) continue;
    ++read;
    // What is read is whole and reads back.
    const absl::StatusOr<Corpus> again = ReadCorpus(WriteJsonLines(*corpus), "f");
    ASSERT_TRUE(again.ok()) << again.status();
    ASSERT_EQ(again->sentences.size(), corpus->sentences.size());
    for (size_t i = 0; i < corpus->sentences.size(); ++i) {
      ASSERT_FALSE(corpus->sentences[i].words.empty());
      ASSERT_EQ(corpus->sentences[i].words.size(), corpus->sentences[i].tags.size());
      ASSERT_EQ(again->sentences[i].words, corpus->sentences[i].words);
      ASSERT_EQ(again->sentences[i].tags, corpus->sentences[i].tags);
    }
  }
  EXPECT_GT(read, 1000);
}

}  // namespace
}  // namespace fintag
