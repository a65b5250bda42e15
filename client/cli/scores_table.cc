#include "client/cli/scores_table.h"

#include "client/cli/figures.h"

namespace fintag::client {
namespace {

std::vector<Cell> Row(const std::string& name, const fintag::v1::EntityScores& scores, Style style, bool counted) {
  return {Cell(name, style), ScoreText(scores.precision()), ScoreText(scores.recall()),
          Cell(ScoreText(scores.f1()), style), counted ? WithCommas(scores.support()) : ""};
}

}  // namespace

Table ScoresTable(const fintag::v1::Scores& scores, const fintag::v1::EntityScores* unseen) {
  Table table({{"label"},
               {"precision", Align::kRight},
               {"recall", Align::kRight},
               {"F1", Align::kRight},
               {"entities", Align::kRight}});
  for (const fintag::v1::EntityScores& label : scores.labels()) {
    table.AddRow(Row(label.label(), label, Style::kPlain, true));
  }
  table.AddRow(Row("micro average", scores.micro(), Style::kBold, true));
  table.AddRow(Row("macro average", scores.macro(), Style::kPlain, false));
  if (unseen != nullptr && unseen->support() > 0) {
    table.AddRow(Row("unseen in training", *unseen, Style::kPlain, true));
  }
  return table;
}

}  // namespace fintag::client
