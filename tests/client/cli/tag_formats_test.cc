#include "client/cli/tag_formats.h"

#include <gtest/gtest.h>

#include <sstream>

#include "client/cli/highlighted_text.h"
#include "client/cli/html_page.h"
#include "client/cli/message_json.h"

namespace fintag::client {
namespace {

void AddEntity(fintag::v1::TaggedText& tagged, const std::string& text, const std::string& label, int start, int end) {
  fintag::v1::Entity& entity = *tagged.add_entities();
  entity.set_text(text);
  entity.set_label(label);
  entity.set_start(start);
  entity.set_end(end);
  entity.set_score(0.98f);
}

fintag::v1::TaggedText Zurich() {
  fintag::v1::TaggedText tagged;
  AddEntity(tagged, "Zürich AG", "ORG", 3, 12);
  fintag::v1::TaggedWord& word = *tagged.add_words();
  word.set_text("Zürich");
  word.set_tag("B-ORG");
  return tagged;
}

TEST(CutAtEntities, CountsCodePoints) {
  const fintag::v1::TaggedText tagged = Zurich();
  const std::vector<TextPiece> pieces = CutAtEntities("an Zürich AG!", tagged);
  ASSERT_EQ(pieces.size(), 3u);
  EXPECT_EQ(pieces[0].text, "an ");
  EXPECT_EQ(pieces[1].text, "Zürich AG");
  EXPECT_EQ(pieces[1].entity->label(), "ORG");
  EXPECT_EQ(pieces[2].text, "!");
}

TEST(CutAtEntities, PassesOverWhatDoesNotFit) {
  fintag::v1::TaggedText tagged;
  AddEntity(tagged, "ab", "A", 0, 2);
  AddEntity(tagged, "bc", "B", 1, 3);    // overlaps
  AddEntity(tagged, "", "C", 3, 3);      // empty
  AddEntity(tagged, "zz", "D", 40, 42);  // outside
  std::string joined;
  int entities = 0;
  for (const TextPiece& piece : CutAtEntities("abcdef", tagged)) {
    joined += piece.text;
    entities += piece.entity != nullptr ? 1 : 0;
  }
  EXPECT_EQ(joined, "abcdef");
  EXPECT_EQ(entities, 1);
}

TEST(JsonFormat, WritesOneArray) {
  std::ostringstream out;
  const auto format = MakeJsonFormat(out, "localhost:1");
  format->Add({0, "an Zürich AG!", "models/m/versions/1"}, Zurich());
  format->Add({7, "b\"\n\xFF", "models/m/versions/1"}, {});
  EXPECT_TRUE(format->AddFailure({8, "c", ""}, absl::InvalidArgumentError("too long")));
  format->Finish();
  const Json json = Json::parse(out.str());
  ASSERT_EQ(json.size(), 3u);
  EXPECT_EQ(json[0]["entities"][0]["score"].dump(), "0.98");
  EXPECT_EQ(json[0]["entities"][0]["start"], 3);
  EXPECT_EQ(json[1]["line"], 7);
  EXPECT_FALSE(json[1].contains("words"));
  EXPECT_EQ(json[2]["error"]["code"], "INVALID_ARGUMENT");
}

TEST(JsonFormat, WritesAnEmptyArrayForNoText) {
  std::ostringstream out;
  MakeJsonFormat(out, "")->Finish();
  EXPECT_EQ(out.str(), "[]\n");
}

TEST(ConllFormat, WritesWordTabTag) {
  std::ostringstream out;
  const auto format = MakeConllFormat(out);
  format->Add({1, "", ""}, Zurich());
  format->Add({2, "", ""}, {});
  format->Add({3, "", ""}, Zurich());
  format->Finish();
  EXPECT_EQ(out.str(), "Zürich\tB-ORG\n\nZürich\tB-ORG\n\n");
}

TEST(TableFormat, ShowsOffsetsAndScores) {
  std::ostringstream out;
  const auto format = MakeTableFormat(Terminal(out, {}), /*words=*/false);
  format->Add({0, "an Zürich AG!", ""}, Zurich());
  format->Add({0, "nothing\x1b[2J here", ""}, {});
  EXPECT_EQ(out.str(),
            "an Zürich AG!\n"
            "entity     label  offsets  score\n"
            "Zürich AG  ORG    3-12     0.980\n"
            "\n"
            "nothing\xEF\xBF\xBD[2J here\n"
            "no entities\n");
}

TEST(TableFormat, HighlightsWhereThereAreColours) {
  std::ostringstream out;
  Terminal::Options options;
  options.color = true;
  MakeTableFormat(Terminal(out, options), false)->Add({0, "an Zürich AG!", ""}, Zurich());
  EXPECT_NE(out.str().find("an \x1b[7;36mZürich AG\x1b[0m!"), std::string::npos) << out.str();
}

TEST(HtmlPage, KeepsWhiteSpaceAsItIs) {
  EXPECT_EQ(EscapeHtml("a\r\nb\tc\fd"), "a\r\nb\tc\fd");
  EXPECT_EQ(EscapeHtml(std::string_view("\0\x0b", 2)), "\uFFFD\uFFFD");
}

TEST(HtmlPage, EscapesEverythingOfTheUser) {
  std::ostringstream out;
  HtmlPage page(out, "<title> & more");
  fintag::v1::TaggedText tagged;
  AddEntity(tagged, "<b>", "\"ORG\"<", 0, 3);
  page.AddText("<b>&'\"</script>\x1b", tagged);
  page.Finish();
  const std::string html = out.str();
  EXPECT_EQ(html.find("<b>"), std::string::npos);
  EXPECT_EQ(html.find("</script>"), std::string::npos);
  EXPECT_EQ(html.find('\x1b'), std::string::npos);
  EXPECT_NE(html.find("&lt;title&gt; &amp; more"), std::string::npos);
  EXPECT_NE(html.find("&amp;&#39;&quot;&lt;/script&gt;"), std::string::npos);
  EXPECT_NE(html.find("title=\"&quot;ORG&quot;&lt; 0.980, 0-3\""), std::string::npos);
  EXPECT_EQ(html.find("http"), std::string::npos);  // nothing to load
}

}  // namespace
}  // namespace fintag::client
