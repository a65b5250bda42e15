#include "core/tagging/tagger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "core/model/precision.h"
#include "tests/core/tagging/tiny_checkpoint.h"

namespace fintag {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// A folder of the running test alone, gone with it.
class TaggerTest : public testing::Test {
 protected:
  TaggerTest() : folder_(std::filesystem::temp_directory_path() / ("fintag_tagger_test." + std::to_string(getpid()))) {
    std::filesystem::remove_all(folder_);
  }
  ~TaggerTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<Tagger> LoadTiny(const TinyCheckpoint& checkpoint = {}) {
    WriteTinyCheckpoint(folder_, checkpoint);
    absl::StatusOr<std::unique_ptr<Tagger>> tagger = Tagger::Load(folder_, {.device = "cpu"});
    EXPECT_TRUE(tagger.ok()) << tagger.status();
    return tagger.ok() ? *std::move(tagger) : nullptr;
  }

  std::filesystem::path folder_;
};

std::vector<WindowRef> WindowsOf(EncodedSentence& sentence) {
  std::vector<WindowRef> windows;
  for (size_t i = 0; i < sentence.windows.size(); ++i) windows.push_back({&sentence, static_cast<int32_t>(i)});
  return windows;
}

EncodedSentence Encode(const Tagger& tagger, const std::vector<std::string>& words) {
  absl::StatusOr<EncodedSentence> sentence = tagger.EncodeWords(words);
  EXPECT_TRUE(sentence.ok()) << sentence.status();
  return sentence.ok() ? *std::move(sentence) : EncodedSentence();
}

// Every window in a forward pass of its own.
void ForwardAlone(const Tagger& tagger, EncodedSentence& sentence) {
  for (const WindowRef& window : WindowsOf(sentence)) ASSERT_TRUE(tagger.Forward({&window, 1}).ok());
}

std::vector<std::string> RandomWords(std::mt19937& random, size_t count) {
  const std::vector<std::string> vocabulary = TinyVocabularyWords();
  std::vector<std::string> words(count);
  for (std::string& word : words) {
    switch (random() % 12) {
      case 0:
        word = "zabc";
        break;  // four tokens
      case 1:
        word = "unheard";
        break;  // [UNK]
      case 2:
        word = "\x01";
        break;  // no token
      default:
        word = vocabulary[random() % vocabulary.size()];
    }
  }
  return words;
}

float LargestDifference(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  float largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(std::isnan(a[i]), std::isnan(b[i]));
    if (!std::isnan(a[i])) largest = std::max(largest, std::abs(a[i] - b[i]));
  }
  return largest;
}

TEST_F(TaggerTest, SaysWhatItIs) {
  const std::unique_ptr<Tagger> tagger = LoadTiny();
  EXPECT_EQ(tagger->tags(), TinyCheckpoint().tags);
  EXPECT_EQ(tagger->device_name(), "cpu");
  EXPECT_GT(tagger->memory_bytes(), 10'000);
  EXPECT_LT(tagger->memory_bytes(), 100'000);
}

TEST_F(TaggerTest, TagsInThePrecisionAsked) {
  const std::unique_ptr<Tagger> exact = LoadTiny();
  const std::vector<std::string> words = {"bank", "Boston", "zabc", "lender"};
  EncodedSentence expected = Encode(*exact, words);
  ForwardAlone(*exact, expected);
  for (const char* precision : {"bf16", "int8"}) {
    SCOPED_TRACE(precision);
    absl::StatusOr<std::unique_ptr<Tagger>> tagger = Tagger::Load(folder_, {.device = "cpu", .precision = precision});
    ASSERT_TRUE(tagger.ok()) << tagger.status();
    EncodedSentence sentence = Encode(**tagger, words);
    ForwardAlone(**tagger, sentence);
    const float difference = LargestDifference(sentence.logits, expected.logits);
    EXPECT_GT(difference, 0);
    EXPECT_LT(difference, 0.2);
    EXPECT_LT((*tagger)->memory_bytes(), exact->memory_bytes());
  }
  const absl::Status status = Tagger::Load(folder_, {.device = "cpu", .precision = "fp8"}).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(status.message(), HasSubstr("fp8"));
}

TEST_F(TaggerTest, ChoosesThePrecisionOnceForAMachine) {
  const TaggerOptions options{.device = "cpu", .precision = "auto"};
  EXPECT_EQ(LoadTiny()->precision(), "fp32");
  // Without scores there is nothing to choose by.
  EXPECT_EQ((*Tagger::Load(folder_, options))->precision(), "fp32");
  EXPECT_FALSE(ChosenPrecision(folder_, options));

  const auto record = [&](std::string_view int8, double f1) {
    std::ofstream(folder_ / "fintag.json") << R"({"precision_f1": {"fp32": 0.8, ")" << int8 << "\": " << f1 << "}}";
  };
  // What was scored where int8 rounds otherwise says nothing here.
  record(ScoreName(Precision::kInt8) == "int8" ? "int8_short_sums" : "int8", 0.8);
  EXPECT_EQ((*Tagger::Load(folder_, options))->precision(), "fp32");
  EXPECT_FALSE(ChosenPrecision(folder_, options));

  record(ScoreName(Precision::kInt8), 0.8);
  ASSERT_TRUE(Tagger::Load(folder_, {.device = "cpu", .precision = "auto", .keep_choice = false}).ok());
  EXPECT_FALSE(std::filesystem::exists(folder_ / kPrecisionFile));
  const std::string precision = (*Tagger::Load(folder_, options))->precision();
  const std::optional<PrecisionChoice> choice = ChosenPrecision(folder_, options);
  ASSERT_TRUE(choice);
  EXPECT_EQ(choice->precision, precision);
  ASSERT_THAT(choice->figures, SizeIs(2));
  for (const PrecisionFigures& figures : choice->figures) EXPECT_GT(figures.tokens_per_second, 0);
  EXPECT_EQ(precision, FastestPrecision(choice->figures));

  // What is recorded counts, whatever a new measurement would say.
  PrecisionChoice other = *choice;
  for (const char* recorded : {"int8", "fp32"}) {
    other.precision = recorded;
    WritePrecisionChoice(folder_, other);
    EXPECT_EQ((*Tagger::Load(folder_, options))->precision(), recorded);
  }
  // Another number of threads is another machine.
  EXPECT_FALSE(ChosenPrecision(folder_, {.device = "cpu", .precision = "auto", .threads = 77}));

  std::filesystem::remove(folder_ / kPrecisionFile);
  record(ScoreName(Precision::kInt8), 0.7);
  EXPECT_EQ((*Tagger::Load(folder_, options))->precision(), "fp32");
  EXPECT_EQ(ChosenPrecision(folder_, options)->figures[1].f1, 0.7);
}

TEST_F(TaggerTest, EncodesWordsWithOffsetsInTheirJoin) {
  const std::unique_ptr<Tagger> tagger = LoadTiny();
  const EncodedSentence sentence = Encode(*tagger, {"bank", "é", "Boston", "zabc"});
  EXPECT_EQ(sentence.text, "bank é Boston zabc");
  ASSERT_THAT(sentence.words, SizeIs(4));
  EXPECT_EQ(sentence.words[2].begin, 7);
  EXPECT_EQ(sentence.words[2].end, 13);
  EXPECT_EQ(sentence.tokens, 2 + 1 + 1 + 1 + 4);
  EXPECT_EQ(sentence.unknown_tokens, 1);
  EXPECT_EQ(sentence.logits.size(), 4 * tagger->tags().size());
}

TEST_F(TaggerTest, EncodesTextAsItsWords) {
  const std::unique_ptr<Tagger> tagger = LoadTiny();
  const std::string text = "the  lender shall pay\tapple inc.";
  absl::StatusOr<EncodedSentence> sentence = tagger->EncodeText(text);
  ASSERT_TRUE(sentence.ok()) << sentence.status();
  EXPECT_EQ(sentence->text, text);
  std::vector<std::string> words;
  for (const TextWord& word : sentence->words) {
    words.push_back(word.text);
    EXPECT_EQ(text.substr(word.begin, word.end - word.begin), word.text);
  }
  EXPECT_EQ(Encode(*tagger, words).windows.at(0).token_ids, sentence->windows.at(0).token_ids);
}

TEST_F(TaggerTest, RefusesBadText) {
  const std::unique_ptr<Tagger> tagger = LoadTiny();
  const absl::Status text = tagger->EncodeText("bank \xff").status();
  EXPECT_EQ(text.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(text.message(), HasSubstr("5"));
  const std::vector<std::string> broken = {"bank", "a\xff"};
  const absl::Status word = tagger->EncodeWords(broken).status();
  EXPECT_EQ(word.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(word.message(), HasSubstr("word 1"));
  const std::vector<std::string> empty = {"bank", "of", ""};
  EXPECT_EQ(tagger->EncodeWords(empty).status(), absl::InvalidArgumentError("word 2 is empty: leave it out"));
}

TEST_F(TaggerTest, TagsNothingInAnEmptyText) {
  const std::unique_ptr<Tagger> tagger = LoadTiny();
  for (const char* text : {"", "   ", "\n"}) {
    absl::StatusOr<EncodedSentence> sentence = tagger->EncodeText(text);
    ASSERT_TRUE(sentence.ok());
    EXPECT_THAT(sentence->windows, IsEmpty());
    EXPECT_EQ(sentence->tokens, 0);
    ASSERT_TRUE(tagger->Forward(WindowsOf(*sentence)).ok());
    EXPECT_THAT(tagger->Decode(*sentence, Decoding::kConstrained).words, IsEmpty());
  }
}

TEST_F(TaggerTest, TagsWordsWithoutTokensOutside) {
  const std::unique_ptr<Tagger> tagger = LoadTiny();
  EncodedSentence sentence = Encode(*tagger, {"\x01", "bank", "\x02\x03"});
  ForwardAlone(*tagger, sentence);
  const TaggedSentence tagged = tagger->Decode(sentence, Decoding::kArgMax);
  ASSERT_THAT(tagged.words, SizeIs(3));
  EXPECT_EQ(tagged.words[0].tag, "O");
  EXPECT_EQ(tagged.words[0].score, 1);
  EXPECT_EQ(tagged.words[2].tag, "O");
  EXPECT_FALSE(std::isnan(sentence.logits[tagger->tags().size()]));
}

TEST_F(TaggerTest, ScoresASentenceAloneAsAmongAnyOthersInAnyOrder) {
  const std::unique_ptr<Tagger> tagger = LoadTiny({.max_positions = 40});
  std::mt19937 random(3);
  for (int round = 0; round < 20; ++round) {
    std::vector<EncodedSentence> sentences;
    for (int i = 0; i < 15; ++i) sentences.push_back(Encode(*tagger, RandomWords(random, 1 + random() % 120)));
    std::vector<EncodedSentence> alone = sentences;
    for (EncodedSentence& sentence : alone) ForwardAlone(*tagger, sentence);

    std::vector<WindowRef> windows;
    for (EncodedSentence& sentence : sentences) {
      for (const WindowRef& window : WindowsOf(sentence)) windows.push_back(window);
    }
    std::shuffle(windows.begin(), windows.end(), random);
    const size_t cut = random() % windows.size();  // a sentence's windows may come in different batches
    ASSERT_TRUE(tagger->Forward(std::span(windows).first(cut)).ok());
    ASSERT_TRUE(tagger->Forward(std::span(windows).subspan(cut)).ok());
    for (size_t i = 0; i < sentences.size(); ++i) {
      EXPECT_LT(LargestDifference(sentences[i].logits, alone[i].logits), 1e-5f);
    }
  }
}

TEST_F(TaggerTest, TagsEveryWordOfALongSentence) {
  const std::unique_ptr<Tagger> tagger = LoadTiny();
  std::mt19937 random(4);
  std::vector<std::string> words = RandomWords(random, 641);
  std::replace(words.begin(), words.end(), std::string("\x01"), std::string("bank"));
  EncodedSentence sentence = Encode(*tagger, words);
  EXPECT_GT(sentence.windows.size(), 30u);
  ForwardAlone(*tagger, sentence);
  for (float logit : sentence.logits) ASSERT_TRUE(std::isfinite(logit));
  EXPECT_THAT(tagger->Decode(sentence, Decoding::kArgMax).words, SizeIs(641));
}

TEST_F(TaggerTest, EntitiesAreTheTextBetweenTheirOffsets) {
  const std::unique_ptr<Tagger> tagger = LoadTiny();
  std::u32string text;
  for (int i = 0; i < 40; ++i) text += U"bank  é\tBoston York\u00a0日本 inc\n";
  std::string utf8;
  for (char32_t c : text) {
    if (c < 0x80) {
      utf8 += static_cast<char>(c);
    } else if (c < 0x800) {
      utf8 += {static_cast<char>(0xc0 | (c >> 6)), static_cast<char>(0x80 | (c & 63))};
    } else {
      utf8 += {static_cast<char>(0xe0 | (c >> 12)), static_cast<char>(0x80 | ((c >> 6) & 63)),
               static_cast<char>(0x80 | (c & 63))};
    }
  }
  absl::StatusOr<EncodedSentence> sentence = tagger->EncodeText(utf8);
  ASSERT_TRUE(sentence.ok()) << sentence.status();
  ForwardAlone(*tagger, *sentence);
  const TaggedSentence tagged = tagger->Decode(*sentence, Decoding::kArgMax);
  ASSERT_THAT(tagged.words, SizeIs(sentence->words.size()));
  ASSERT_FALSE(tagged.entities.empty());
  int32_t last = 0;
  for (const TaggedEntity& entity : tagged.entities) {
    ASSERT_LT(entity.first_word, entity.last_word);
    EXPECT_GE(entity.begin, last);
    last = entity.end;
    EXPECT_EQ(entity.begin, sentence->words[entity.first_word].begin);
    EXPECT_EQ(entity.end, sentence->words[entity.last_word - 1].end);
    EXPECT_THAT(entity.text, testing::StartsWith(sentence->words[entity.first_word].text));
    EXPECT_THAT(entity.text, testing::EndsWith(sentence->words[entity.last_word - 1].text));
    EXPECT_EQ(tagged.words[entity.first_word].tag.substr(2), entity.label);
    EXPECT_GT(entity.score, 0);
    EXPECT_LE(entity.score, 1);
  }
}

TEST_F(TaggerTest, ConstrainedTagsAreLegal) {
  const std::unique_ptr<Tagger> tagger = LoadTiny();
  std::mt19937 random(6);
  for (int round = 0; round < 20; ++round) {
    EncodedSentence sentence = Encode(*tagger, RandomWords(random, 60));
    ForwardAlone(*tagger, sentence);
    std::string before = "O";
    for (const TaggedWord& word : tagger->Decode(sentence, Decoding::kConstrained).words) {
      if (word.tag.starts_with("I-")) {
        ASSERT_NE(before, "O");
        ASSERT_EQ(before.substr(2), word.tag.substr(2));
      }
      before = word.tag;
    }
  }
}

TEST_F(TaggerTest, ServesManyThreadsAtOnce) {
  const std::unique_ptr<Tagger> tagger = LoadTiny();
  std::mt19937 random(8);
  std::vector<EncodedSentence> sentences;
  for (int i = 0; i < 4; ++i) sentences.push_back(Encode(*tagger, RandomWords(random, 50)));
  std::vector<EncodedSentence> alone = sentences;
  for (EncodedSentence& sentence : alone) ForwardAlone(*tagger, sentence);
  std::vector<std::thread> threads;
  for (EncodedSentence& sentence : sentences) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10; ++i) ForwardAlone(*tagger, sentence);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 0; i < sentences.size(); ++i) {
    EXPECT_LT(LargestDifference(sentences[i].logits, alone[i].logits), 1e-5f);
  }
}

TEST_F(TaggerTest, RefusesABaseEncoder) {
  WriteTinyCheckpoint(folder_, {.classifier = false});
  const absl::Status status = Tagger::Load(folder_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("base encoder"));
}

TEST_F(TaggerTest, RefusesATokenizerOfAnotherModel) {
  WriteTinyCheckpoint(folder_, {.missing_vocabulary_rows = 3});
  const absl::Status status = Tagger::Load(folder_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("vocab_size"));
}

TEST_F(TaggerTest, RefusesAnEncoderOfTooFewPositions) {
  WriteTinyCheckpoint(folder_, {.max_positions = 7});
  const absl::Status status = Tagger::Load(folder_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("max_position_embeddings"));
}

TEST_F(TaggerTest, NamesWhatIsMissing) {
  EXPECT_EQ(Tagger::Load(folder_).status().code(), absl::StatusCode::kNotFound);
  WriteTinyCheckpoint(folder_);
  std::filesystem::remove(folder_ / "vocab.txt");
  EXPECT_EQ(Tagger::Load(folder_).status().code(), absl::StatusCode::kNotFound);
  WriteTinyCheckpoint(folder_);
  EXPECT_EQ(Tagger::Load(folder_, {.device = "abacus"}).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace fintag
