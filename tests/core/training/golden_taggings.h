// Golden taggings of tests/data/golden: sentences as strings of tags with spaces between.
#pragma once

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "core/training/scores.h"

namespace fintag {

inline std::vector<TagSequence> Tagging(const nlohmann::json& sentences) {
  std::vector<TagSequence> tagging;
  for (const nlohmann::json& sentence : sentences) {
    std::istringstream words(sentence.get<std::string>());
    TagSequence& tags = tagging.emplace_back();
    for (std::string tag; words >> tag;) tags.push_back(tag);
  }
  return tagging;
}

}  // namespace fintag
