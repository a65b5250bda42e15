// Scores JSON lines for seqeval_parity.py: score_lines < LINES
//
// A line {"gold": [[tag, ...], ...], "predicted": [...]} gives a line {"accuracy": a, "micro": [precision, recall, f1,
// support], "macro": [...], "labels": {label: [...]}}.
#include <iostream>
#include <string>
#include <vector>

#include "core/training/scores.h"
#include "nlohmann/json.hpp"

namespace {

nlohmann::json Row(const fintag::EntityScores& scores) {
  return {scores.precision, scores.recall, scores.f1, scores.support};
}

}  // namespace

int main() {
  std::ios::sync_with_stdio(false);
  std::string line;
  while (std::getline(std::cin, line)) {
    const nlohmann::json json = nlohmann::json::parse(line);
    const auto gold = json.at("gold").get<std::vector<fintag::TagSequence>>();
    const auto predicted = json.at("predicted").get<std::vector<fintag::TagSequence>>();
    const fintag::Scores scores = fintag::ScoreTags(gold, predicted);
    nlohmann::json labels = nlohmann::json::object();
    for (const fintag::EntityScores& label : scores.labels) labels[label.label] = Row(label);
    std::cout << nlohmann::json{{"accuracy", scores.accuracy},
                                {"micro", Row(scores.micro)},
                                {"macro", Row(scores.macro)},
                                {"labels", labels}}
                     .dump()
              << "\n";
  }
  return 0;
}
