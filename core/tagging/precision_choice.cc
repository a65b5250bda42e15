#include "core/tagging/precision_choice.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <system_error>

#include "core/model/mapped_file.h"
#include "core/model/output_file.h"
#include "core/version.h"

namespace fintag {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// Null where there is no such file or it holds no JSON.
json ReadJson(const fs::path& path) {
  const auto file = MappedFile::Open(path);
  if (!file.ok()) return nullptr;
  json parsed = json::parse((*file)->text(), nullptr, /*allow_exceptions=*/false);
  return parsed.is_discarded() ? json(nullptr) : parsed;
}

// The list of machines' choices, or an empty one.
json ReadChoices(const fs::path& folder) {
  const json file = ReadJson(folder / kPrecisionFile);
  const bool good = file.is_object() && file.contains("choices") && file["choices"].is_array();
  return good ? file["choices"] : json::array();
}

bool IsOf(const json& choice, const std::string& machine) {
  return choice.is_object() && choice.value("machine", json()) == machine;
}

}  // namespace

std::vector<PrecisionFigures> ScoredPrecisions(const fs::path& folder) {
  std::vector<PrecisionFigures> figures;
  const json record = ReadJson(folder / "fintag.json");
  if (!record.is_object() || !record.contains("precision_f1") || !record["precision_f1"].is_object()) return figures;
  for (const auto& [precision, f1] : record["precision_f1"].items()) {
    if (f1.is_number()) figures.push_back({precision, f1.get<double>(), 0});
  }
  std::stable_partition(figures.begin(), figures.end(),
                        [](const PrecisionFigures& candidate) { return candidate.precision == "fp32"; });
  if (!figures.empty() && figures.front().precision != "fp32") figures.clear();
  return figures;
}

std::string FastestPrecision(const std::vector<PrecisionFigures>& figures) {
  const PrecisionFigures* best = &figures.front();
  for (const PrecisionFigures& candidate : figures) {
    if (candidate.f1 < figures.front().f1 - kLargestF1Loss) continue;
    if (candidate.tokens_per_second > best->tokens_per_second) best = &candidate;
  }
  return best->precision;
}

std::optional<PrecisionChoice> ReadPrecisionChoice(const fs::path& folder, const std::string& machine) {
  for (const json& choice : ReadChoices(folder)) {
    if (!IsOf(choice, machine) || choice.value("fintag", json()) != kVersion) continue;
    try {
      PrecisionChoice read{machine, choice.at("precision").get<std::string>(), {}};
      for (const json& figures : choice.at("figures")) {
        read.figures.push_back({figures.at("precision").get<std::string>(), figures.at("f1").get<double>(),
                                figures.at("tokens_per_second").get<double>()});
      }
      return read;
    } catch (const json::exception&) {
      return std::nullopt;
    }
  }
  return std::nullopt;
}

void WritePrecisionChoice(const fs::path& folder, const PrecisionChoice& choice) {
  json choices = json::array();
  for (const json& other : ReadChoices(folder)) {
    if (!IsOf(other, choice.machine)) choices.push_back(other);
  }
  json figures = json::array();
  for (const PrecisionFigures& candidate : choice.figures) {
    figures.push_back(
        {{"precision", candidate.precision}, {"f1", candidate.f1}, {"tokens_per_second", candidate.tokens_per_second}});
  }
  choices.push_back({{"machine", choice.machine},
                     {"fintag", kVersion},
                     {"precision", choice.precision},
                     {"figures", std::move(figures)}});
  const json file = {{"format", 1}, {"choices", std::move(choices)}};
  const std::string text = file.dump(2, ' ', false, json::error_handler_t::replace) + "\n";

  fs::path written = folder / kPrecisionFile;
  written += ".new";
  std::error_code error;
  if (WriteWholeFile(written, text).ok()) fs::rename(written, folder / kPrecisionFile, error);
}

}  // namespace fintag
