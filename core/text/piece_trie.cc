#include "core/text/piece_trie.h"

#include <algorithm>

namespace fintag {
namespace {

constexpr uint16_t kDenseFrom = 12;  // children; below, a walk over the labels is as fast

}  // namespace

PieceTrie::PieceTrie(std::vector<Entry> entries) {
  std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.first < b.first; });
  entries.erase(
      std::unique(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.first == b.first; }),
      entries.end());

  // Breadth first, so that siblings are neighbours. A job is a node and the entries below it.
  struct Job {
    size_t begin, end, depth;
  };
  std::vector<Job> level = {{0, entries.size(), 0}}, next;
  nodes_.emplace_back();
  labels_.push_back(0);
  size_t node = 0;  // the jobs of a level belong to consecutive nodes
  while (!level.empty()) {
    next.clear();
    for (Job job : level) {
      if (job.begin < job.end && entries[job.begin].first.size() == job.depth) {
        nodes_[node].value = entries[job.begin].second;
        ++job.begin;
      }
      nodes_[node].first_child = static_cast<uint32_t>(nodes_.size());
      while (job.begin < job.end) {
        const char label = entries[job.begin].first[job.depth];
        size_t end = job.begin + 1;
        while (end < job.end && entries[end].first[job.depth] == label) ++end;
        next.push_back({job.begin, end, job.depth + 1});
        nodes_.emplace_back();
        labels_.push_back(static_cast<unsigned char>(label));
        ++nodes_[node].children;
        job.begin = end;
      }
      ++node;
    }
    level.swap(next);
  }

  for (Node& parent : nodes_) {
    if (parent.children < kDenseFrom) continue;
    parent.dense = static_cast<int32_t>(dense_.size() / 256);
    dense_.resize(dense_.size() + 256, kNowhere);
    uint32_t* row = dense_.data() + dense_.size() - 256;
    for (uint32_t child = parent.first_child; child < parent.first_child + parent.children; ++child) {
      row[labels_[child]] = child;
    }
  }
}

uint32_t PieceTrie::Child(const Node& node, unsigned char label) const {
  if (node.dense >= 0) return dense_[static_cast<size_t>(node.dense) * 256 + label];
  const uint32_t end = node.first_child + node.children;
  for (uint32_t child = node.first_child; child < end; ++child) {
    if (labels_[child] == label) return child;
  }
  return kNowhere;
}

uint32_t PieceTrie::Descend(uint32_t node, std::string_view text) const {
  for (const char byte : text) {
    if (node == kNowhere) break;
    node = Child(nodes_[node], static_cast<unsigned char>(byte));
  }
  return node;
}

PieceTrie::Match PieceTrie::Longest(uint32_t node, std::string_view text) const {
  Match match;
  for (size_t i = 0; i < text.size() && node != kNowhere; ++i) {
    node = Child(nodes_[node], static_cast<unsigned char>(text[i]));
    if (node != kNowhere && nodes_[node].value >= 0) match = {nodes_[node].value, i + 1};
  }
  return match;
}

}  // namespace fintag
