#include "client/cli/table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "client/cli/display_width.h"

namespace fintag::client {
namespace {

Terminal Plain(std::ostream& out) { return Terminal(out, {}); }
Terminal Narrow(std::ostream& out, int width) {
  Terminal::Options options;
  options.interactive = true;
  options.width = width;
  return Terminal(out, options);
}

TEST(Table, AlignsWideCharactersByTheirColumns) {
  std::ostringstream out;
  Table table({{"entity"}, {"score", Align::kRight}});
  table.AddRow({"東京", "0.98"});
  table.AddRow({"Acme Corp", "0.5"});
  EXPECT_EQ(table.Text(Plain(out)),
            "entity     score\n"
            "東京        0.98\n"
            "Acme Corp    0.5\n");
}

TEST(Table, LeavesNoSpacesAtLineEnds) {
  std::ostringstream out;
  Table table({{"a"}, {"b"}});
  table.AddRow({"long cell", ""});
  table.AddRow({"x"});
  EXPECT_EQ(table.Text(Plain(out)), "a          b\nlong cell\nx\n");
}

TEST(Table, CutsTheWidestColumnOnANarrowTerminal) {
  std::ostringstream out;
  const Terminal terminal = Narrow(out, 30);
  Table table({{"name"}, {"count", Align::kRight}});
  table.AddRow({std::string(100, 'n'), "12,345"});
  std::istringstream lines(table.Text(terminal));
  for (std::string line; std::getline(lines, line);) EXPECT_LE(DisplayWidth(line), 30) << line;
  EXPECT_NE(table.Text(terminal).find("12,345"), std::string::npos);
}

TEST(Table, CutsNothingInAPipe) {
  std::ostringstream out;
  Table table({{"name"}});
  table.AddRow({std::string(500, 'n')});
  EXPECT_NE(table.Text(Plain(out)).find(std::string(500, 'n')), std::string::npos);
}

TEST(Table, HasNoControlCharactersWithoutColour) {
  std::ostringstream out;
  Table table({{"name"}});
  table.AddRow({Cell("\x1b[2Jevil\n", Style::kRed)});
  const std::string text = table.Text(Plain(out));
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
}

TEST(Facts, LeavesEmptyValuesOut) {
  std::ostringstream out;
  Facts facts;
  facts.Add("name", "datasets/fin");
  facts.Add("job", "");
  facts.Add("size", "12 B");
  EXPECT_EQ(facts.Text(Plain(out)), "name  datasets/fin\nsize  12 B\n");
}

}  // namespace
}  // namespace fintag::client
