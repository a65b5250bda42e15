#include "core/text/tokenizer_definition.h"

#include <functional>
#include <random>
#include <string>
#include <vector>

#include "core/text/wordpiece_tokenizer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/text/tokenizer_folder.h"

namespace fintag {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

constexpr char kVocabulary[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\nbank\n##s\n";

absl::Status LoadJson(const std::string& bytes) {
  TemporaryFolder folder;
  folder.Write("tokenizer.json", bytes);
  return WordPieceTokenizer::Load(folder.path()).status();
}

absl::StatusOr<std::shared_ptr<const WordPieceTokenizer>> LoadText(const std::string& vocabulary,
                                                                   const std::string& config) {
  TemporaryFolder folder;
  folder.Write("vocab.txt", vocabulary);
  if (!config.empty()) folder.Write("tokenizer_config.json", config);
  return WordPieceTokenizer::Load(folder.path());
}

void ExpectInvalid(const absl::Status& status, const std::string& file, const std::string& field) {
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(file));
  EXPECT_THAT(std::string(status.message()), HasSubstr(field));
}

TEST(TokenizerDefinition, NamesFileAndFieldOfWhatIsWrong) {
  struct Case {
    const char* field;
    std::function<void(json&)> breaks;
  };
  const std::vector<Case> cases = {
      {"version", [](json& t) { t["version"] = "2.0"; }},
      {"normalizer is missing", [](json& t) { t.erase("normalizer"); }},
      {"normalizer is missing", [](json& t) { t["normalizer"] = nullptr; }},
      {"normalizer.type", [](json& t) { t["normalizer"]["type"] = "NFC"; }},
      {"normalizer.clean_text", [](json& t) { t["normalizer"].erase("clean_text"); }},
      {"normalizer.lowercase", [](json& t) { t["normalizer"]["lowercase"] = 1; }},
      {"normalizer.strip_accents", [](json& t) { t["normalizer"]["strip_accents"] = "yes"; }},
      {"pre_tokenizer.type", [](json& t) { t["pre_tokenizer"]["type"] = "ByteLevel"; }},
      {"model.type", [](json& t) { t["model"]["type"] = "BPE"; }},
      {"model.unk_token", [](json& t) { t["model"].erase("unk_token"); }},
      {"model.continuing_subword_prefix", [](json& t) { t["model"]["continuing_subword_prefix"] = 2; }},
      {"model.max_input_chars_per_word", [](json& t) { t["model"]["max_input_chars_per_word"] = -1; }},
      {"model.max_input_chars_per_word", [](json& t) { t["model"]["max_input_chars_per_word"] = 1e300; }},
      {"model.max_input_chars_per_word must be 0 to 1000",
       [](json& t) { t["model"]["max_input_chars_per_word"] = 1001; }},
      {"model.vocab", [](json& t) { t["model"]["vocab"] = json::array(); }},
      {"model.vocab.'bank'", [](json& t) { t["model"]["vocab"]["bank"] = "7"; }},
      {"model.vocab.'bank'", [](json& t) { t["model"]["vocab"]["bank"] = -7; }},
      {"gaps", [](json& t) { t["model"]["vocab"]["bank"] = 2147483647; }},
      {"no entry has id 7", [](json& t) { t["model"]["vocab"].erase("bank"); }},
      {"same id", [](json& t) { t["model"]["vocab"]["bank"] = 8; }},
      {"'[oov]'", [](json& t) { t["model"]["unk_token"] = "[oov]"; }},
      {"added_tokens", [](json& t) { t["added_tokens"] = 7; }},
      {"added_tokens[0]", [](json& t) { t["added_tokens"][0] = "x"; }},
      {"added_tokens[1].lstrip", [](json& t) { t["added_tokens"][1].erase("lstrip"); }},
      {"added_tokens[1].id", [](json& t) { t["added_tokens"][1]["id"] = -1; }},
      {"'[SEP]' has id 9", [](json& t) { t["added_tokens"][3]["id"] = 9; }},
      {"added token is empty", [](json& t) { t["added_tokens"][3]["content"] = ""; }},
      {"added token 9 has 1001 bytes",
       [](json& t) {
         t["added_tokens"].push_back(t["added_tokens"][3]);
         t["added_tokens"][4]["content"] = std::string(1001, 'x');
         t["added_tokens"][4]["id"] = 9;
       }},
      {"begins with white space",
       [](json& t) {
         t["added_tokens"].push_back(t["added_tokens"][3]);
         t["added_tokens"][4]["content"] = "\xE2\x80\x83x";
         t["added_tokens"][4]["rstrip"] = true;
         t["added_tokens"][4]["id"] = 9;
       }},
      {"empty once normalised",
       [](json& t) {
         t["added_tokens"].push_back(t["added_tokens"][3]);
         t["added_tokens"][4]["id"] = 9;
         t["added_tokens"][4]["content"] = "\xE2\x80\x8B";
         t["added_tokens"][4]["normalized"] = true;
       }},
  };
  ASSERT_TRUE(LoadJson(SmallTokenizer().dump()).ok());
  for (const Case& wrong : cases) {
    json tokenizer = SmallTokenizer();
    wrong.breaks(tokenizer);
    ExpectInvalid(LoadJson(tokenizer.dump()), "tokenizer.json", wrong.field);
  }
  ExpectInvalid(LoadJson("[]"), "tokenizer.json", "object");
  ExpectInvalid(LoadJson(""), "tokenizer.json", "JSON");
  ExpectInvalid(LoadJson(std::string(1 << 20, '[')), "tokenizer.json", "JSON");
}

TEST(TokenizerDefinition, SurvivesDamagedFiles) {
  const std::string whole = SmallTokenizer().dump();
  std::mt19937 random(3);
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = whole;
    for (int changes = 0; changes < 3; ++changes) bytes[random() % bytes.size()] = static_cast<char>(random());
    if (round % 3 == 0) bytes.resize(random() % bytes.size());
    (void)ParseTokenizerJson(bytes, "tokenizer.json");
    (void)ParseVocabularyText(bytes, bytes);
  }
}

TEST(TokenizerDefinition, NeedsAFile) {
  TemporaryFolder folder;
  EXPECT_EQ(WordPieceTokenizer::Load(folder.path()).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(WordPieceTokenizer::Load(folder.path() / "none").status().code(), absl::StatusCode::kNotFound);
  std::filesystem::create_directory(folder.path() / "tokenizer.json");
  ExpectInvalid(WordPieceTokenizer::Load(folder.path()).status(), "tokenizer.json", "cannot be read");
}

TEST(TokenizerDefinition, RefusesOversizedFiles) {
  TemporaryFolder folder;
  folder.Write("tokenizer.json", "");
  std::filesystem::resize_file(folder.path() / "tokenizer.json", uintmax_t{1} << 34);
  ExpectInvalid(WordPieceTokenizer::Load(folder.path()).status(), "tokenizer.json", "at most");
}

// A line of one byte takes a hundred in memory, an empty list of three bytes fifty.
TEST(TokenizerDefinition, RefusesFilesThatTakeTooMuchMemory) {
  const auto lines = ParseVocabularyText(std::string(kMostPieces + 1, '\n'), "");
  ExpectInvalid(lines.status(), "vocab.txt", "more than 1000000 lines");
  EXPECT_TRUE(ParseVocabularyText(std::string(kMostPieces, '\n'), "").ok());

  std::string lists = "{\"a\":[";
  for (int i = 0; i < 2'500'000; ++i) lists += "[],";
  lists += "0]}";
  ExpectInvalid(ParseTokenizerJson(lists, "tokenizer.json").status(), "tokenizer.json", "more than 4000000 values");

  std::string pieces = R"({"normalizer":{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,)"
                       R"("lowercase":true},"pre_tokenizer":{"type":"BertPreTokenizer"},"model":{"unk_token":"[UNK]",)"
                       R"("continuing_subword_prefix":"##","max_input_chars_per_word":100,"vocab":{)";
  for (size_t i = 0; i < kMostPieces; ++i) pieces += "\"" + std::to_string(i) + "\":0,";
  ExpectInvalid(ParseTokenizerJson(pieces + "\"\":0}}}", "tokenizer.json").status(), "model.vocab",
                "more than 1000000 pieces");
}

TEST(TokenizerDefinition, ReadsVocabularyText) {
  for (const std::string& config : {std::string(), std::string("{}"), std::string(R"({"do_lower_case": true})")}) {
    const auto tokenizer = LoadText(kVocabulary, config);
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
    std::vector<Token> tokens;
    ASSERT_TRUE((*tokenizer)->EncodeText("Banks [SEP]", tokens).ok());
    EXPECT_THAT(tokens, ::testing::ElementsAre(Token{4, 0, 0, 4}, Token{5, 0, 4, 5}, Token{3, 1, 6, 11}));
  }
  const auto windows = LoadText("[PAD]\r\n[UNK]\r\n[CLS]\r\n[SEP]\r\nbank\r\n", "");
  ASSERT_TRUE(windows.ok()) << windows.status();
  EXPECT_EQ((*windows)->TokenText(4), "bank");
}

TEST(TokenizerDefinition, TakesSpecialTokensFromTheConfig) {
  const auto tokenizer = LoadText("<pad>\n<unk>\n<s>\n</s>\nbank\n", R"({
    "unk_token": "<unk>", "cls_token": {"content": "<s>"}, "sep_token": "</s>", "pad_token": "<pad>",
    "added_tokens_decoder": {"5": {"content": "<org>", "special": true, "rstrip": true}},
    "additional_special_tokens": ["<per>"]})");
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  EXPECT_EQ((*tokenizer)->special_tokens().classifier, 2);
  EXPECT_EQ((*tokenizer)->special_tokens().unknown, 1);
  EXPECT_EQ((*tokenizer)->vocabulary_size(), 7);
  EXPECT_EQ((*tokenizer)->TokenText(6), "<per>");
  std::vector<Token> tokens;
  ASSERT_TRUE((*tokenizer)->EncodeText("<org> bank<per>", tokens).ok());
  EXPECT_THAT(tokens, ::testing::ElementsAre(Token{5, 0, 0, 6}, Token{4, 1, 6, 10}, Token{6, 2, 10, 15}));
}

TEST(TokenizerDefinition, NamesWhatIsWrongBesideVocabularyText) {
  ExpectInvalid(LoadText("", "").status(), "vocab.txt", "empty");
  ExpectInvalid(LoadText("[PAD]\n\xFF\n", "").status(), "vocab.txt", "byte 6");
  ExpectInvalid(LoadText("[PAD]\n[UNK]\n[CLS]\n", "").status(), "vocab.txt", "[SEP]");
  ExpectInvalid(LoadText(kVocabulary, "{").status(), "tokenizer_config.json", "JSON");
  ExpectInvalid(LoadText(kVocabulary, R"({"do_lower_case": 1})").status(), "tokenizer_config.json", "do_lower_case");
  ExpectInvalid(LoadText(kVocabulary, R"({"never_split": ["x"]})").status(), "tokenizer_config.json", "never_split");
  ExpectInvalid(LoadText(kVocabulary, R"({"cls_token": 4})").status(), "tokenizer_config.json", "cls_token");
  ExpectInvalid(LoadText(kVocabulary, R"({"added_tokens_decoder": {"x": {"content": "y"}}})").status(),
                "tokenizer_config.json", "added_tokens_decoder.x");
  ExpectInvalid(LoadText(kVocabulary, R"({"added_tokens_decoder": {"4": {"content": "y"}}})").status(), "vocab.txt",
                "'y' has id 4");
}

}  // namespace
}  // namespace fintag
