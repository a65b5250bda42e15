#include "core/text/wordpiece_tokenizer.h"

#include <random>
#include <set>
#include <string>
#include <vector>

#include "core/text/utf8.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/text/tokenizer_folder.h"

namespace fintag {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::shared_ptr<const WordPieceTokenizer> LoadSmall() {
  TemporaryFolder folder;
  folder.Write("tokenizer.json", SmallTokenizer().dump());
  auto tokenizer = WordPieceTokenizer::Load(folder.path());
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.status();
  return *tokenizer;
}

std::vector<int32_t> Flat(const std::vector<Token>& tokens) {
  std::vector<int32_t> flat;
  for (const Token& token : tokens) flat.insert(flat.end(), {token.id, token.word, token.begin, token.end});
  return flat;
}

absl::Status Encode(const WordPieceTokenizer& tokenizer, const nlohmann::json& given, std::vector<Token>& tokens) {
  if (given.is_string()) return tokenizer.EncodeText(given.get<std::string>(), tokens);
  return tokenizer.EncodeWords(given.get<std::vector<std::string>>(), tokens);
}

TEST(WordPieceTokenizer, SplitsUnknownWordsIntoPieces) {
  const auto tokenizer = LoadSmall();
  std::vector<Token> tokens;
  ASSERT_TRUE(tokenizer->EncodeText("Unaffable, B\xC3\xA1nk!", tokens).ok());
  EXPECT_THAT(tokens, ElementsAre(Token{4, 0, 0, 2}, Token{5, 0, 2, 5}, Token{6, 0, 5, 9}, Token{8, 1, 9, 10},
                                  Token{7, 2, 11, 15}, Token{1, 3, 15, 16}));
  EXPECT_EQ(tokenizer->TokenText(5), "##aff");
  EXPECT_EQ(tokenizer->vocabulary_size(), 9);
  EXPECT_EQ(tokenizer->special_tokens().separator, 3);
}

TEST(WordPieceTokenizer, AppendsToTheTokensThatAreThere) {
  const auto tokenizer = LoadSmall();
  std::vector<Token> tokens;
  const std::vector<std::string> words = {"bank", "\xC2\xAD", "[SEP]", "unaffable"};
  ASSERT_TRUE(tokenizer->EncodeText("bank", tokens).ok());
  ASSERT_TRUE(tokenizer->EncodeWords(words, tokens).ok());
  EXPECT_THAT(tokens, ElementsAre(Token{7, 0, 0, 4}, Token{7, 0, 0, 4}, Token{3, 2, 0, 5}, Token{4, 3, 0, 2},
                                  Token{5, 3, 2, 5}, Token{6, 3, 5, 9}));
}

// The golden file's variants as tokenizers, and all of its cases.
class GoldenFile {
 public:
  GoldenFile() : vocabulary_(GoldenVocabulary()) {
    std::istringstream lines(ReadTestFile(std::filesystem::path(FINTAG_TEST_DATA) / "golden/tokenizer_golden.jsonl"));
    for (std::string line; std::getline(lines, line);) {
      nlohmann::json json = nlohmann::json::parse(line);
      (json.is_object() ? variants_ : cases_).push_back(std::move(json));
    }
  }

  const std::vector<nlohmann::json>& cases() const { return cases_; }
  const std::vector<nlohmann::json>& variants() const { return variants_; }

  std::shared_ptr<const WordPieceTokenizer> FromTokenizerJson(const nlohmann::json& variant) const {
    TemporaryFolder folder;
    nlohmann::json json = variant["tokenizer"];
    json["model"]["vocab"] = vocabulary_;
    folder.Write("tokenizer.json", json.dump());
    return Loaded(folder);
  }

  std::shared_ptr<const WordPieceTokenizer> FromVocabularyText(const nlohmann::json& variant) const {
    TemporaryFolder folder;
    folder.Write("vocab.txt", GoldenVocabularyText());
    folder.Write("tokenizer_config.json", variant["config"].dump());
    return Loaded(folder);
  }

 private:
  static std::shared_ptr<const WordPieceTokenizer> Loaded(const TemporaryFolder& folder) {
    auto tokenizer = WordPieceTokenizer::Load(folder.path());
    EXPECT_TRUE(tokenizer.ok()) << tokenizer.status();
    return *tokenizer;
  }

  nlohmann::json vocabulary_;
  std::vector<nlohmann::json> variants_, cases_;
};

// Cases of `golden` that `tokenizers`, one a variant (null: left out), encode as the library does.
void ExpectGolden(const GoldenFile& golden, const std::vector<std::shared_ptr<const WordPieceTokenizer>>& tokenizers,
                  size_t at_least) {
  size_t compared = 0, different = 0;
  for (const nlohmann::json& line : golden.cases()) {
    const auto variant = line[0].get<size_t>();
    if (tokenizers[variant] == nullptr) continue;
    std::vector<Token> tokens;
    ASSERT_TRUE(Encode(*tokenizers[variant], line[1], tokens).ok());
    ++compared;
    if (Flat(tokens) == line[2].get<std::vector<int32_t>>()) continue;
    if (++different <= 5) {
      ADD_FAILURE() << golden.variants()[variant]["variant"] << ": " << line[1].dump(-1, ' ', true) << "\nours "
                    << ::testing::PrintToString(Flat(tokens)) << "\ntheirs " << line[2].dump();
    }
  }
  EXPECT_EQ(different, 0u);
  EXPECT_GE(compared, at_least);
}

TEST(WordPieceTokenizer, EqualsTheTokenizersLibraryOnTheGoldenFile) {
  const GoldenFile golden;
  std::vector<std::shared_ptr<const WordPieceTokenizer>> tokenizers;
  for (const auto& variant : golden.variants()) tokenizers.push_back(golden.FromTokenizerJson(variant));
  ExpectGolden(golden, tokenizers, 5000);
}

TEST(WordPieceTokenizer, ReadsTheSameFromVocabularyTextAndConfig) {
  const GoldenFile golden;
  std::vector<std::shared_ptr<const WordPieceTokenizer>> tokenizers;
  for (const auto& variant : golden.variants()) {
    tokenizers.push_back(variant["config"].is_null() ? nullptr : golden.FromVocabularyText(variant));
  }
  ExpectGolden(golden, tokenizers, 3000);
}

TEST(WordPieceTokenizer, CoversTextInOrder) {
  const GoldenFile golden;
  const auto tokenizer = golden.FromTokenizerJson(golden.variants()[0]);
  for (const nlohmann::json& line : golden.cases()) {
    if (!line[1].is_string()) continue;
    const auto text = line[1].get<std::string>();
    std::vector<Token> tokens;
    ASSERT_TRUE(tokenizer->EncodeText(text, tokens).ok());
    int32_t word = 0, begin = 0;
    for (const Token& token : tokens) {
      EXPECT_GE(token.begin, begin);
      EXPECT_GT(token.end, token.begin);
      EXPECT_LE(token.end, CountCodePoints(text));
      EXPECT_TRUE(token.word == word || token.word == word + 1);
      EXPECT_GE(token.id, 0);
      EXPECT_LT(token.id, tokenizer->vocabulary_size());
      word = token.word;
      begin = token.begin;
    }
  }
}

TEST(WordPieceTokenizer, GivesThePositionOfInvalidUtf8) {
  const auto tokenizer = LoadSmall();
  std::vector<Token> tokens = {Token{7, 0, 0, 4}};
  const absl::Status text = tokenizer->EncodeText("bank \xFF", tokens);
  EXPECT_EQ(text.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(text.message()), HasSubstr("byte 5"));
  const std::vector<std::string> given = {"bank", "b\xC3"};
  const absl::Status words = tokenizer->EncodeWords(given, tokens);
  EXPECT_EQ(words.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(words.message()), HasSubstr("word 1"));
  EXPECT_THAT(std::string(words.message()), HasSubstr("byte 1"));
  EXPECT_EQ(tokens.size(), 1u);
}

TEST(WordPieceTokenizer, AnswersRandomBytesWithTokensOrAnError) {
  const GoldenFile golden;
  std::mt19937 random(11);
  for (const auto& variant : golden.variants()) {
    const auto tokenizer = golden.FromTokenizerJson(variant);
    for (int round = 0; round < 3000; ++round) {
      std::string bytes(random() % 40, '\0');
      for (char& byte : bytes) byte = static_cast<char>(random() % (round % 2 == 0 ? 256 : 128));
      std::vector<Token> tokens;
      const bool valid = ValidateUtf8(bytes).ok();
      EXPECT_EQ(tokenizer->EncodeText(bytes, tokens).ok(), valid);
      EXPECT_TRUE(valid || tokens.empty());
    }
  }
}

TEST(WordPieceTokenizer, TakesLongInputs) {
  const auto tokenizer = LoadSmall();
  std::vector<Token> tokens;
  ASSERT_TRUE(tokenizer->EncodeText(std::string(1 << 20, 'a'), tokens).ok());
  EXPECT_THAT(tokens, ElementsAre(Token{1, 0, 0, 1 << 20}));
  tokens.clear();
  std::string marks;
  for (int i = 0; i < 200000; ++i) marks += i % 2 == 0 ? "\xCC\x81" : "\xCC\xA3";
  ASSERT_TRUE(tokenizer->EncodeText(marks, tokens).ok());
  EXPECT_TRUE(tokens.empty());
}

// Looking back over all white space for each token that takes it would be hours of work here.
TEST(WordPieceTokenizer, TakesWhiteSpaceForTokensInLinearTime) {
  nlohmann::json json = SmallTokenizer();
  int32_t id = 9;
  for (const char* content : {" ", "<x>"}) {
    json["added_tokens"].push_back(json["added_tokens"][3]);
    json["added_tokens"].back().update(
        {{"id", id++}, {"content", content}, {"lstrip", true}, {"rstrip", content[0] == '<'}});
  }
  TemporaryFolder folder;
  folder.Write("tokenizer.json", json.dump());
  const auto tokenizer = WordPieceTokenizer::Load(folder.path());
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  constexpr int kSpaces = 1 << 20;
  std::vector<Token> tokens;
  ASSERT_TRUE((*tokenizer)->EncodeText(std::string(kSpaces, ' '), tokens).ok());
  EXPECT_EQ(tokens.size(), kSpaces);
  tokens.clear();
  ASSERT_TRUE((*tokenizer)->EncodeText(std::string("<x>") + std::string(kSpaces, ' ') + "<x>", tokens).ok());
  EXPECT_EQ(tokens.front(), (Token{10, 0, 0, kSpaces + 3}));
}

}  // namespace
}  // namespace fintag
