#include "core/text/corpus_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "absl/strings/str_cat.h"
#include "tests/core/model/temporary_folder.h"

namespace fintag {
namespace {

using ::testing::HasSubstr;

class CorpusFileTest : public ::testing::Test {
 protected:
  absl::StatusOr<CorpusFile> Check(const std::string& bytes, std::vector<LineError>* errors = nullptr) {
    WriteFile(path(), bytes);
    return CheckCorpusFile(path(), "f", errors);
  }

  std::filesystem::path path() const { return folder_.path() / "corpus"; }

  // What a file is said to be and to hold is what its bytes in memory are.
  void ExpectSameAsInMemory(const std::string& bytes) {
    SCOPED_TRACE(bytes.substr(0, 200));
    std::vector<LineError> errors, expected_errors;
    const absl::StatusOr<CorpusFile> file = Check(bytes, &errors);
    const absl::StatusOr<Corpus> corpus = ReadCorpus(bytes, "f", &expected_errors);
    ASSERT_EQ(file.status(), corpus.status());
    ASSERT_EQ(errors.size(), expected_errors.size());
    for (size_t i = 0; i < errors.size(); ++i) {
      EXPECT_EQ(errors[i].line, expected_errors[i].line);
      EXPECT_EQ(errors[i].reason, expected_errors[i].reason);
    }
    if (!corpus.ok()) return;
    EXPECT_EQ(file->scheme, corpus->scheme);
    EXPECT_EQ(file->documents, corpus->documents);
    EXPECT_EQ(file->labels(), corpus->labels);
    ASSERT_EQ(file->sentences.size(), corpus->sentences.size());
    size_t i = 0;
    const absl::Status read = ReadSentences(*file, [&](const Sentence& sentence) {
      const Sentence& expected = corpus->sentences[i];
      EXPECT_EQ(sentence.words, expected.words);
      EXPECT_EQ(sentence.tags, expected.tags);
      EXPECT_EQ(sentence.line, expected.line);
      EXPECT_EQ(sentence.document, expected.document);
      EXPECT_EQ(file->sentences[i++].document, expected.document);
      return absl::OkStatus();
    });
    EXPECT_TRUE(read.ok()) << read;
    EXPECT_EQ(i, corpus->sentences.size());
  }

  TemporaryFolder folder_;
};

TEST_F(CorpusFileTest, IsWhatItsBytesAre) {
  for (const std::string bytes : {
           "",
           "a O\n",
           "-DOCSTART- O\n\na I-X\nb I-X\n\n-DOCSTART- O\n\nc O\r\nd I-Y\r\n",
           "a S-X\nb B-Y\nc E-Y\n",
           "a B-X\nb\nc Z\n\nd I-X\n\nf B-X\ng B-X\n",
           "{\"tokens\":[\"a\",\"b\"],\"tags\":[\"U-X\",\"O\"],\"document\":7}\n"
           "{\"text\":\"M\xC3\xBCller Bank lends.\",\"entities\":[{\"start\":0,\"end\":11,\"label\":\"ORG\"}]}\n",
           "{ O\n} O\n",
           " [ {\"tokens\":[]}]",
           "\xFF\xFE"
           "a",
       }) {
    ExpectSameAsInMemory(bytes);
  }
}

// Hundreds of errors, and sentences over many pieces of the file.
TEST_F(CorpusFileTest, IsWhatItsBytesAreWhereTheyAreManyOrBroken) {
  std::mt19937 random(11);
  for (int round = 0; round < 40; ++round) {
    std::string bytes;
    const int sentences = round % 10 == 0 ? 20'000 : 300;
    for (int i = 0; i < sentences; ++i) {
      for (size_t word = random() % 6 + 1; word > 0; --word) {
        absl::StrAppend(&bytes, "word", random() % 1000, random() % 5 == 0 ? " I-ORG\n" : " O\n");
      }
      if (random() % 9 == 0) absl::StrAppend(&bytes, "\n-DOCSTART- O\n");
      bytes += '\n';
    }
    for (int damage = round % 4 * 80; damage > 0; --damage)
      bytes[random() % bytes.size()] = static_cast<char>(random());
    ExpectSameAsInMemory(bytes);
  }
}

TEST_F(CorpusFileTest, ReadingEndsWithTheFirstErrorOfTheTaker) {
  const CorpusFile file = Check("a O\n\nb O\n\nc O\n").value();
  int taken = 0;
  const absl::Status status = ReadSentences(
      file, [&](const Sentence&) { return ++taken == 2 ? absl::ResourceExhaustedError("enough") : absl::OkStatus(); });
  EXPECT_EQ(status, absl::ResourceExhaustedError("enough"));
  EXPECT_EQ(taken, 2);
}

TEST_F(CorpusFileTest, AFileThatChangedIsAStatus) {
  const CorpusFile file = Check("a I-X\n\nb O\n").value();
  for (const std::string bytes :
       {"a I-X\n", "a I-X\n\nb O\n\nc O\n", "a I-Y\n\nb O\n", "a I-X\n\nb B-\n", "a B-X\n\nb O\n"}) {
    SCOPED_TRACE(bytes);
    WriteFile(path(), bytes);
    const absl::Status status = ReadSentences(file, [](const Sentence&) { return absl::OkStatus(); });
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("f was changed"));
  }
  std::filesystem::remove(path());
  EXPECT_EQ(ReadSentences(file, [](const Sentence&) { return absl::OkStatus(); }).code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace fintag
