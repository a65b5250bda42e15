// Folders with a tokenizer, for tests.
#pragma once

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace fintag {

inline std::string ReadTestFile(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  EXPECT_TRUE(stream) << path;
  std::ostringstream bytes;
  bytes << stream.rdbuf();
  return bytes.str();
}

// A folder of its own that goes with the test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = ::testing::TempDir() + "fintag_tokenizer_XXXXXX";
    path_ = mkdtemp(pattern.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

  void Write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path_ / name, std::ios::binary) << bytes;
  }

 private:
  std::filesystem::path path_;
};

inline std::string GoldenVocabularyText() {
  return ReadTestFile(std::filesystem::path(FINTAG_TEST_DATA) / "golden" / "tokenizer_vocab.txt");
}

inline nlohmann::json GoldenVocabulary() {
  nlohmann::json vocabulary = nlohmann::json::object();
  std::istringstream lines(GoldenVocabularyText());
  int32_t id = 0;
  for (std::string piece; std::getline(lines, piece);) vocabulary[piece] = id++;
  return vocabulary;
}

// A small tokenizer.json that is right; tests break it.
inline nlohmann::json SmallTokenizer() {
  nlohmann::json json = nlohmann::json::parse(R"({
    "version": "1.0",
    "added_tokens": [],
    "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null,
                   "lowercase": true},
    "pre_tokenizer": {"type": "BertPreTokenizer"},
    "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
              "max_input_chars_per_word": 100,
              "vocab": {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "un": 4, "##aff": 5, "##able": 6, "bank": 7,
                        ",": 8}}
  })");
  int32_t id = 0;
  for (const char* content : {"[PAD]", "[UNK]", "[CLS]", "[SEP]"}) {
    json["added_tokens"].push_back({{"id", id++},
                                    {"content", content},
                                    {"single_word", false},
                                    {"lstrip", false},
                                    {"rstrip", false},
                                    {"normalized", false},
                                    {"special", true}});
  }
  return json;
}

}  // namespace fintag
