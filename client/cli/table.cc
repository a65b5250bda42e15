#include "client/cli/table.h"

#include <algorithm>
#include <numeric>

#include "client/cli/display_width.h"

namespace fintag::client {
namespace {

constexpr int kGap = 2;
constexpr int kNarrowestColumn = 8;

std::string Padding(int columns) { return std::string(static_cast<size_t>(std::max(columns, 0)), ' '); }

}  // namespace

void Table::AddRow(std::vector<Cell> cells) {
  for (Cell& cell : cells) cell.text = Printable(cell.text);
  rows_.push_back(std::move(cells));
}

std::vector<Cell> Table::Titles() const {
  std::vector<Cell> titles;
  for (const Column& column : columns_) titles.emplace_back(column.title, Style::kBold);
  return titles;
}

std::vector<int> Table::Widths(const Terminal& terminal) const {
  std::vector<int> widths;
  for (size_t i = 0; i < columns_.size(); ++i) {
    int width = std::max(columns_[i].min_width, DisplayWidth(columns_[i].title));
    for (const std::vector<Cell>& row : rows_) {
      if (i < row.size()) width = std::max(width, DisplayWidth(row[i].text));
    }
    widths.push_back(width);
  }
  if (!terminal.interactive()) return widths;
  const int gaps = kGap * (static_cast<int>(widths.size()) - 1);
  int excess = std::accumulate(widths.begin(), widths.end(), gaps) - terminal.width();
  while (excess > 0) {
    int* widest = nullptr;
    for (size_t i = 0; i < widths.size(); ++i) {
      if (columns_[i].align == Align::kLeft && (widest == nullptr || widths[i] > *widest)) widest = &widths[i];
    }
    if (widest == nullptr || *widest <= kNarrowestColumn) break;
    --*widest;
    --excess;
  }
  return widths;
}

std::string Table::Line(const Terminal& terminal, const std::vector<int>& widths,
                        const std::vector<Cell>& cells) const {
  std::string line;
  std::string pending;  // spaces, written only if something follows
  for (size_t i = 0; i < widths.size() && i < cells.size(); ++i) {
    const std::string text =
        terminal.interactive() && widths[i] > 0 ? Shorten(cells[i].text, widths[i]) : cells[i].text;
    const int padding = widths[i] - DisplayWidth(text);
    if (columns_[i].align == Align::kRight) pending += Padding(padding);
    if (!text.empty()) {
      line += pending + terminal.Paint(cells[i].style, text);
      pending.clear();
    }
    if (columns_[i].align == Align::kLeft) pending += Padding(padding);
    pending += Padding(kGap);
  }
  return line + "\n";
}

std::string Table::Text(const Terminal& terminal) const {
  const std::vector<int> widths = Widths(terminal);
  std::string text = Line(terminal, widths, Titles());
  for (const std::vector<Cell>& row : rows_) text += Line(terminal, widths, row);
  return text;
}

std::string Table::TitleLine(const Terminal& terminal) const { return Line(terminal, Widths(terminal), Titles()); }

std::string Table::RowLine(const Terminal& terminal, const std::vector<Cell>& cells) const {
  return Line(terminal, Widths(terminal), cells);
}

void Facts::Add(const std::string& name, const std::string& value) {
  if (!value.empty()) facts_.emplace_back(name, Printable(value));
}

std::string Facts::Text(const Terminal& terminal) const {
  int width = 0;
  for (const auto& [name, value] : facts_) width = std::max(width, DisplayWidth(name));
  std::string text;
  for (const auto& [name, value] : facts_) {
    text += terminal.Paint(Style::kDim, name) + Padding(width - DisplayWidth(name) + kGap) + value + "\n";
  }
  return text;
}

}  // namespace fintag::client
