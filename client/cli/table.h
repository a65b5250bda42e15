// Aligned columns for a person, on a terminal or in a pipe.
#pragma once

#include <string>
#include <vector>

#include "client/cli/terminal.h"

namespace fintag::client {

enum class Align { kLeft, kRight };

struct Column {
  std::string title;
  Align align = Align::kLeft;
  int min_width = 0;  // for tables whose rows come one by one
};

struct Cell {
  Cell(std::string text) : text(std::move(text)) {}  // NOLINT: rows are written as lists of strings
  Cell(const char* text) : text(text) {}             // NOLINT
  Cell(std::string text, Style style) : text(std::move(text)), style(style) {}

  std::string text;
  Style style = Style::kPlain;
};

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // Missing cells are empty, more than there are columns are left out.
  void AddRow(std::vector<Cell> cells);
  bool empty() const { return rows_.empty(); }

  // Title line and rows, each with a line end. On an interactive terminal the widest left-aligned column is cut until
  // the table fits; elsewhere nothing is cut.
  std::string Text(const Terminal& terminal) const;

  // For tables whose rows come one by one: the title line, and one row, at the columns' minimal widths.
  std::string TitleLine(const Terminal& terminal) const;
  std::string RowLine(const Terminal& terminal, const std::vector<Cell>& cells) const;

 private:
  std::vector<int> Widths(const Terminal& terminal) const;
  std::string Line(const Terminal& terminal, const std::vector<int>& widths, const std::vector<Cell>& cells) const;
  std::vector<Cell> Titles() const;

  const std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

// Two columns without titles, "name  value", for the description of one thing.
class Facts {
 public:
  // Left out where `value` is empty.
  void Add(const std::string& name, const std::string& value);
  std::string Text(const Terminal& terminal) const;

 private:
  std::vector<std::pair<std::string, std::string>> facts_;
};

}  // namespace fintag::client
