// Tokenises JSON lines for tokenizer_parity.py: encode_lines FOLDER < LINES
//
// A line {"text": "..."} is encoded as running text, {"words": [...]} as words. Each gives a line
// {"ids": [...], "words": [...], "begin": [...], "end": [...]} or {"error": "..."}.
#include <iostream>
#include <string>
#include <vector>

#include "core/text/wordpiece_tokenizer.h"
#include "nlohmann/json.hpp"

namespace {

absl::Status Encode(const fintag::WordPieceTokenizer& tokenizer, const nlohmann::json& line,
                    std::vector<fintag::Token>& tokens) {
  if (line.contains("text")) return tokenizer.EncodeText(line["text"].get<std::string>(), tokens);
  return tokenizer.EncodeWords(line["words"].get<std::vector<std::string>>(), tokens);
}

nlohmann::json Answer(const absl::Status& status, const std::vector<fintag::Token>& tokens) {
  if (!status.ok()) return {{"error", status.ToString()}};
  std::vector<int32_t> ids, words, begin, end;
  for (const fintag::Token& token : tokens) {
    ids.push_back(token.id);
    words.push_back(token.word);
    begin.push_back(token.begin);
    end.push_back(token.end);
  }
  return {{"ids", ids}, {"words", words}, {"begin", begin}, {"end", end}};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: encode_lines FOLDER < LINES\n";
    return 2;
  }
  const auto tokenizer = fintag::WordPieceTokenizer::Load(argv[1]);
  if (!tokenizer.ok()) {
    std::cerr << tokenizer.status() << "\n";
    return 1;
  }
  std::ios::sync_with_stdio(false);
  std::string line;
  while (std::getline(std::cin, line)) {
    const nlohmann::json json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object()) {
      std::cerr << "not a JSON object: " << line << "\n";
      return 1;
    }
    std::vector<fintag::Token> tokens;
    const absl::Status status = Encode(**tokenizer, json, tokens);
    std::cout << Answer(status, tokens).dump() << "\n";
  }
  return 0;
}
