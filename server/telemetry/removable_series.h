// The series of a metric family that go when their owner goes: a deleted job, a model version that left memory, or what
// the last scrape set. Private to metrics.cc.
#pragma once

#include <prometheus/family.h>

#include <functional>
#include <map>
#include <string>
#include <utility>

namespace fintag::server {

// Family::Remove leaves references that Add gave behind, so all use of such series goes through here, under one lock of
// the caller's.
class RemovableSeries {
 public:
  template <typename Metric, typename... Arguments>
  Metric& Get(const std::string& owner, prometheus::Family<Metric>& family,
              const std::map<std::string, std::string>& labels, Arguments&&... arguments) {
    Metric& metric = family.Add(labels, std::forward<Arguments>(arguments)...);
    std::function<void()>& remove = removers_[owner][&metric];
    if (!remove) remove = [&family, &metric] { family.Remove(&metric); };
    return metric;
  }

  void Remove(const std::string& owner) {
    const auto removers = removers_.find(owner);
    if (removers == removers_.end()) return;
    for (const auto& [metric, remove] : removers->second) remove();
    removers_.erase(removers);
  }

  // Those of every owner that starts with `prefix`.
  void RemoveAll(const std::string& prefix) {
    while (true) {
      const auto removers = removers_.lower_bound(prefix);
      if (removers == removers_.end() || removers->first.rfind(prefix, 0) != 0) return;
      Remove(std::string(removers->first));
    }
  }

 private:
  std::map<std::string, std::map<const void*, std::function<void()>>> removers_;
};

}  // namespace fintag::server
