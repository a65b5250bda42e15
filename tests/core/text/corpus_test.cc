#include "core/text/corpus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/core/text/random_spans.h"

namespace fintag {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr char kConll[] =
    "-DOCSTART- -X- O O\n\nSilicium NNP - B-ORG\nde IN - I-ORG\nProvence NNP - I-ORG\n\nParis NNP - B-LOC\n"
    "-DOCSTART- -X- O O\n\nthe DT - O\nBank NNP - B-PER\n";

Corpus Read(std::string_view bytes) {
  absl::StatusOr<Corpus> corpus = ReadCorpus(bytes, "file");
  EXPECT_TRUE(corpus.ok()) << corpus.status();
  return corpus.ok() ? *std::move(corpus) : Corpus();
}

void ExpectSame(const Corpus& a, const Corpus& b) {
  EXPECT_EQ(a.labels, b.labels);
  EXPECT_EQ(a.documents, b.documents);
  ASSERT_EQ(a.sentences.size(), b.sentences.size());
  for (size_t i = 0; i < a.sentences.size(); ++i) {
    EXPECT_EQ(a.sentences[i].words, b.sentences[i].words);
    EXPECT_EQ(a.sentences[i].tags, b.sentences[i].tags);
    EXPECT_EQ(a.sentences[i].document, b.sentences[i].document);
  }
}

TEST(ReadCorpus, ReadsColumns) {
  const Corpus corpus = Read(kConll);
  EXPECT_EQ(corpus.scheme, TagScheme::kIob2);
  EXPECT_EQ(corpus.documents, 2);
  EXPECT_THAT(corpus.labels, ElementsAre("LOC", "ORG", "PER"));
  ASSERT_EQ(corpus.sentences.size(), 3);
  EXPECT_THAT(corpus.sentences[0].words, ElementsAre("Silicium", "de", "Provence"));
  EXPECT_THAT(corpus.sentences[0].tags, ElementsAre("B-ORG", "I-ORG", "I-ORG"));
  EXPECT_EQ(corpus.sentences[0].line, 3);
  EXPECT_EQ(corpus.sentences[1].line, 7);
  EXPECT_EQ(corpus.sentences[2].line, 10);
  EXPECT_EQ(corpus.sentences[1].document, 0);
  EXPECT_EQ(corpus.sentences[2].document, 1);
}

TEST(ReadCorpus, ReadsTheSameWithAnyLineEndMarkAndSeparator) {
  const Corpus corpus = Read(kConll);
  const std::string text(kConll);
  const std::string windows = absl::StrReplaceAll(text, {{"\n", "\r\n"}});
  ExpectSame(Read(windows), corpus);
  ExpectSame(Read("\xEF\xBB\xBF" + text), corpus);
  ExpectSame(Read("\xEF\xBB\xBF" + windows), corpus);
  ExpectSame(Read(absl::StrReplaceAll(text, {{"\n", "\r"}})), corpus);
  ExpectSame(Read(absl::StrReplaceAll(text, {{"\n", "\r\r\n"}})), corpus);
  ExpectSame(Read(absl::StrReplaceAll(text, {{" ", "\t"}})), corpus);
  ExpectSame(Read(absl::StrReplaceAll(text, {{" ", " \t "}})), corpus);
  ExpectSame(Read(absl::StrReplaceAll(text, {{" ", "   "}})), corpus);
  ExpectSame(Read(absl::StrReplaceAll(text, {{"\n", "  \n"}})), corpus);
  ExpectSame(Read(absl::StrReplaceAll(text, {{"\n\n", "\n \t\n\n\n"}})), corpus);
  ExpectSame(Read(absl::StrReplaceAll(text, {{" NNP -", ""}})), corpus);
  ExpectSame(Read(text.substr(0, text.size() - 1)), corpus);
  ExpectSame(Read("\n\n" + text + "\n\n"), corpus);
}

TEST(ReadCorpus, ReadsJsonLinesWithAnyLineEndAndMark) {
  const Corpus corpus = Read(kConll);
  const std::string text = WriteJsonLines(corpus);
  const std::string windows = absl::StrReplaceAll(text, {{"\n", "\r\n"}});
  for (const std::string& bytes : {windows, "\xEF\xBB\xBF" + text, "\xEF\xBB\xBF" + windows,
                                   "\xEF\xBB\xBF\r\n" + windows + "\r\n", absl::StrReplaceAll(text, {{"{", "{ \t"}})}) {
    const Corpus read = Read(bytes);
    EXPECT_EQ(read.sentences.size(), corpus.sentences.size());
    for (size_t i = 0; i < read.sentences.size(); ++i) {
      EXPECT_EQ(read.sentences[i].words, corpus.sentences[i].words);
      EXPECT_EQ(read.sentences[i].tags, corpus.sentences[i].tags);
    }
  }
}

TEST(ReadCorpus, ReadsColumnsWhoseFirstWordIsABrace) {
  EXPECT_THAT(Read("{ O\nParis B-LOC\n} O\n").sentences[0].words, ElementsAre("{", "Paris", "}"));
  EXPECT_THAT(Read("\n{\tO\n").sentences[0].words, ElementsAre("{"));
  EXPECT_THAT(Read("{a O\n").sentences[0].words, ElementsAre("{a"));
}

TEST(ReadCorpus, KeepsSpacesOfAWordBetweenTabs) {
  const Corpus corpus = Read("10 000\tO\nNew York\tB-LOC\n");
  EXPECT_THAT(corpus.sentences[0].words, ElementsAre("10 000", "New York"));
}

TEST(ReadCorpus, KeepsControlCharactersAndEverySpaceButTabsAndBlanks) {
  const std::string word("a\0\x01\xC2\xA0\xE2\x80\xA8z", 9);
  const Corpus corpus = Read(absl::StrCat(word, " O\n"));
  EXPECT_THAT(corpus.sentences[0].words, ElementsAre(word));
  EXPECT_EQ(Read(WriteJsonLines(corpus)).sentences[0].words, corpus.sentences[0].words);
}

TEST(ReadCorpus, CountsDocumentsThatHaveSentences) {
  EXPECT_EQ(Read("a O\n").documents, 0);
  EXPECT_EQ(Read("-DOCSTART-\na O\n").documents, 1);
  EXPECT_EQ(Read("-DOCSTART-\n\n-DOCSTART- O\n\na O\n-DOCSTART-\nb O\n-DOCSTART-\n").documents, 2);
  const Corpus corpus = Read("a O\n\n-DOCSTART-\nb O\n");
  EXPECT_EQ(corpus.documents, 2);
  EXPECT_EQ(corpus.sentences[0].document, 0);
  EXPECT_EQ(corpus.sentences[1].document, 1);
}

TEST(ReadCorpus, TurnsEverySchemeIntoIob2) {
  std::mt19937 random(11);
  for (TagScheme scheme : kTagSchemes) {
    std::string columns;
    std::string lines;
    std::vector<std::vector<std::string>> expected;
    for (int i = 0; i < 300; ++i) {
      const auto words = static_cast<int32_t>(1 + random() % 15);
      std::vector<Span> spans = RandomSpans(random, words);
      const std::vector<std::string> tags = TagsInScheme(spans, words, scheme);
      if (scheme == TagScheme::kIo) spans = JoinedNeighbours(spans);
      expected.push_back(Iob2Tags(spans, words));
      Corpus one;
      one.sentences.push_back({std::vector<std::string>(tags.size(), "w"), tags});
      lines += WriteJsonLines(one);
      for (const std::string& tag : tags) absl::StrAppend(&columns, "w\tNN\t", tag, "\n");
      columns += "\n";
    }
    for (const std::string& bytes : {columns, lines}) {
      const Corpus corpus = Read(bytes);
      EXPECT_EQ(corpus.scheme, scheme) << TagSchemeName(corpus.scheme);
      ASSERT_EQ(corpus.sentences.size(), expected.size());
      for (size_t i = 0; i < expected.size(); ++i) ASSERT_EQ(corpus.sentences[i].tags, expected[i]);
    }
  }
}

TEST(ReadCorpus, ReadsListsOfTokens) {
  const Corpus corpus = Read(
      "\n  {\"tokens\":[\"Acme\",\"Inc\\u0000\\\"\"],\"tags\":[\"B-ORG\",\"I-ORG\"],\"document\":7}\r\n\n"
      "{\"id\":{\"a\":[1,[2.5,null,true]]},\"tags\":[\"O\"],\"text\":\"x\",\"tokens\":[\"x\"],\"document\":\"7\"}\n"
      "{\"tokens\":[\"y\"],\"tags\":[\"O\"],\"document\":7}\n");
  ASSERT_EQ(corpus.sentences.size(), 3);
  EXPECT_EQ(corpus.documents, 2);
  EXPECT_THAT(corpus.sentences[0].words, ElementsAre("Acme", std::string("Inc\0\"", 5)));
  EXPECT_EQ(corpus.sentences[0].line, 2);
  EXPECT_EQ(corpus.sentences[1].line, 4);
  EXPECT_EQ(corpus.sentences[1].document, 1);
  EXPECT_EQ(corpus.sentences[2].document, 0);
}

TEST(ReadCorpus, ReadsSpansOfRunningText) {
  const Corpus corpus = Read(
      R"({"text":"The Lender is Müller Bank in Genève","entities":[{"start":29,"end":35,"label":"LOC","id":3},{"label":"ORG","start":14,"end":25}]})");
  ASSERT_EQ(corpus.sentences.size(), 1);
  EXPECT_THAT(corpus.sentences[0].words, ElementsAre("The", "Lender", "is", "Müller", "Bank", "in", "Genève"));
  EXPECT_THAT(corpus.sentences[0].tags, ElementsAre("O", "O", "O", "B-ORG", "I-ORG", "O", "B-LOC"));
  EXPECT_EQ(corpus.scheme, TagScheme::kIob2);
}

TEST(ReadCorpus, SplitsWordsWhereAnEntityEndsInside) {
  const Corpus corpus = Read(
      R"({"text":"préEUROpost xy","entities":[{"start":3,"end":7,"label":"MISC"},{"start":12,"end":13,"label":"A"},{"start":13,"end":14,"label":"A"}]})");
  EXPECT_THAT(corpus.sentences[0].words, ElementsAre("pré", "EURO", "post", "x", "y"));
  EXPECT_THAT(corpus.sentences[0].tags, ElementsAre("O", "B-MISC", "O", "B-A", "B-A"));
}

TEST(ReadCorpus, KeepsEveryEntityOfRandomText) {
  std::mt19937 random(5);
  const std::vector<std::string> pieces = {"a", "B", "é", "語", "\xF0\x9F\x98\x80", " ", " ", "  ",
                                           ".", ",", "(", "'s"};
  for (int round = 0; round < 2000; ++round) {
    std::string text = "x";
    int64_t length = 1;
    const size_t size = random() % 30;
    for (size_t i = 0; i < size; ++i) {
      const std::string& piece = pieces[random() % pieces.size()];
      text += piece;
      length += piece == "  " || piece == "'s" ? 2 : 1;
    }
    // Entities whose first character is no space, found by their distance in code points.
    std::vector<std::string> points;
    for (unsigned char c : text) {
      if ((c & 0xC0) != 0x80) points.emplace_back();
      points.back() += static_cast<char>(c);
    }
    ASSERT_EQ(static_cast<int64_t>(points.size()), length);
    std::string entities;
    std::vector<std::string> expected;
    for (size_t start = 0; start < points.size(); ++start) {
      if (random() % 3 != 0 || points[start] == " ") continue;
      const size_t end = std::min(points.size(), start + 1 + random() % 5);
      absl::StrAppend(&entities, entities.empty() ? "" : ",", "{\"start\":", start, ",\"end\":", end,
                      ",\"label\":\"L\"}");
      std::string& form = expected.emplace_back();
      for (size_t i = start; i < end; ++i) form += points[i] == " " ? "" : points[i];
      start = end - 1;
    }
    const Corpus corpus = Read(absl::StrCat("{\"text\":\"", text, "\",\"entities\":[", entities, "]}"));
    ASSERT_EQ(corpus.sentences.size(), 1);
    const Sentence& sentence = corpus.sentences[0];
    std::vector<std::string> found;
    for (const Span& span : SpansOf(sentence.tags, TagScheme::kIob2)) {
      std::string& form = found.emplace_back();
      for (int32_t i = span.begin; i < span.end; ++i) form += sentence.words[static_cast<size_t>(i)];
    }
    ASSERT_EQ(found, expected) << text << " " << entities;
  }
}

TEST(ReadCorpus, ReadsBothJsonFormsInOneFile) {
  const Corpus corpus = Read(
      "{\"tokens\":[\"a\",\"b\"],\"tags\":[\"U-X\",\"O\"]}\n"
      "{\"text\":\"a b\",\"entities\":[{\"start\":0,\"end\":3,\"label\":\"Y\"}]}\n");
  EXPECT_EQ(corpus.scheme, TagScheme::kBilou);
  EXPECT_THAT(corpus.sentences[0].tags, ElementsAre("B-X", "O"));
  EXPECT_THAT(corpus.sentences[1].tags, ElementsAre("B-Y", "I-Y"));
  EXPECT_THAT(corpus.labels, ElementsAre("X", "Y"));
}

TEST(WriteJsonLines, ReadsBack) {
  const Corpus corpus = Read(kConll);
  ExpectSame(Read(WriteJsonLines(corpus)), corpus);
  EXPECT_EQ(WriteJsonLines(Read("a\\\"\x01 B-X\n")), "{\"tokens\":[\"a\\\\\\\"\\u0001\"],\"tags\":[\"B-X\"]}\n");
  EXPECT_THAT(WriteJsonLines(Corpus()), IsEmpty());
}

// The FIN corpus, where it is present.
struct FinFile {
  std::string name;
  int32_t documents;
  size_t sentences;
  size_t words;
  size_t entities;
};

void PrintTo(const FinFile& file, std::ostream* out) { *out << file.name; }

const std::filesystem::path kFinFolder = FINTAG_FIN;

std::vector<FinFile> PresentFinFiles() {
  std::vector<FinFile> files = {{"FIN5", 5, 1164, 41010, 1168}, {"FIN3", 3, 303, 13246, 318}};
  std::erase_if(files, [](const FinFile& file) { return !std::filesystem::exists(kFinFolder / (file.name + ".txt")); });
  return files;
}

class FinCorpus : public testing::TestWithParam<FinFile> {};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(FinCorpus);
INSTANTIATE_TEST_SUITE_P(ReadCorpus, FinCorpus, testing::ValuesIn(PresentFinFiles()),
                         [](const auto& info) { return info.param.name; });

TEST_P(FinCorpus, HasItsPublishedSize) {
  std::ifstream stream(kFinFolder / (GetParam().name + ".txt"), std::ios::binary);
  std::stringstream bytes;
  bytes << stream.rdbuf();
  const Corpus corpus = Read(bytes.str());
  EXPECT_EQ(corpus.scheme, TagScheme::kIo);
  EXPECT_EQ(corpus.documents, GetParam().documents);
  EXPECT_EQ(corpus.sentences.size(), GetParam().sentences);
  EXPECT_THAT(corpus.labels, ElementsAre("LOC", "MISC", "ORG", "PER"));
  size_t words = 0;
  size_t entities = 0;
  for (const Sentence& sentence : corpus.sentences) {
    words += sentence.words.size();
    entities += SpansOf(sentence.tags, TagScheme::kIob2).size();
  }
  EXPECT_EQ(words, GetParam().words);
  EXPECT_EQ(entities, GetParam().entities);
  ExpectSame(Read(WriteJsonLines(corpus)), corpus);
}

}  // namespace
}  // namespace fintag
