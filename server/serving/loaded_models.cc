#include "server/serving/loaded_models.h"

#include <algorithm>
#include <exception>
#include <future>
#include <map>
#include <new>
#include <system_error>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "core/text/strings.h"
#include "server/serving/free_memory.h"

namespace fintag::server {
namespace {

constexpr absl::Duration kLook = absl::Milliseconds(50);  // at whether a caller who waits has cancelled

// A version that is loaded or being loaded. Guarded by the mutex of Models, but for `version`.
struct Slot {
  explicit Slot(ModelVersion version) : version(std::move(version)) {}

  const ModelVersion version;
  bool ready = false;
  absl::Status status;                       // of the load
  std::shared_ptr<const LoadedModel> model;  // if it went well
  int64_t last_use = 0;
};

// Nothing while it loads.
int64_t BytesOf(const Slot& slot) { return slot.ready ? slot.model->scheduler->tagger().memory_bytes() : 0; }

class Models final : public LoadedModels {
 public:
  Models(ModelRegistry& registry, const LoadedModelsOptions& options, ModelObservers observers, TaggerLoader load)
      : registry_(registry), options_(options), observers_(std::move(observers)), load_(std::move(load)) {}

  absl::StatusOr<std::shared_ptr<const LoadedModel>> Get(const std::string& name,
                                                         std::chrono::system_clock::time_point deadline,
                                                         const std::function<bool()>& cancelled) override {
    absl::StatusOr<ModelVersion> version = registry_.Resolve(name, /*tagger=*/true);
    if (!version.ok()) return version.status();
    const auto given_up = [&] {
      if (std::chrono::system_clock::now() >= deadline) {
        return absl::DeadlineExceededError(StrCat("the deadline passed before ", version->name(), " was loaded"));
      }
      return cancelled() ? absl::CancelledError("the caller cancelled the request") : absl::OkStatus();
    };

    std::shared_ptr<Slot> stale;  // destroyed outside the lock, like everything that ends a scheduler
    absl::MutexLock lock(&mutex_);
    const auto place = slots_.find(version->name());
    std::shared_ptr<Slot> slot = place == slots_.end() ? nullptr : place->second;
    if (slot == nullptr || !IsSame(slot->version, *version)) {
      if (absl::Status status = given_up(); !status.ok()) return status;
      slot = std::make_shared<Slot>(*version);
      if (absl::Status begun = BeginLoad(slot); !begun.ok()) return begun;
      stale = std::exchange(slots_[version->name()], slot);
    }
    slot->last_use = ++uses_;
    while (!slot->ready) {
      if (absl::Status status = given_up(); !status.ok()) return status;
      mutex_.AwaitWithDeadline(absl::Condition(&slot->ready),
                               std::min(absl::FromChrono(deadline), absl::Now() + kLook));
    }
    if (!slot->status.ok()) return slot->status;
    return slot->model;
  }

  bool IsLoaded(const std::string& version_name) const override {
    absl::MutexLock lock(&mutex_);
    const auto place = slots_.find(version_name);
    return place != slots_.end() && place->second->ready;
  }

  void Forget(const std::string& name) override {
    const auto is_of_name = [&](const auto& entry) {
      return entry.first == name || entry.first.rfind(name + "/versions/", 0) == 0;
    };
    std::vector<std::shared_ptr<Slot>> dropped;
    absl::MutexLock lock(&mutex_);
    for (const auto& entry : slots_) {
      if (is_of_name(entry)) dropped.push_back(entry.second);
    }
    std::erase_if(slots_, is_of_name);
    std::erase_if(not_ready_, is_of_name);
  }

  void Unload(const std::string& version_name) override {
    std::shared_ptr<Slot> dropped;
    absl::MutexLock lock(&mutex_);
    if (const auto place = slots_.find(version_name); place != slots_.end()) {
      dropped = place->second;
      slots_.erase(place);
    }
    not_ready_[version_name] = absl::UnavailableError("it was unloaded: the next request loads it again");
  }

  absl::Status Readiness(const std::string& version_name) const override {
    absl::MutexLock lock(&mutex_);
    const auto reason = not_ready_.find(version_name);
    return reason == not_ready_.end() ? absl::OkStatus() : reason->second;
  }

  std::vector<std::shared_ptr<const LoadedModel>> Snapshot() const override {
    std::vector<std::shared_ptr<const LoadedModel>> models;
    absl::MutexLock lock(&mutex_);
    for (const auto& [name, slot] : slots_) {
      if (slot->ready) models.push_back(slot->model);
    }
    return models;
  }

  std::optional<PrecisionChoice> ChosenPrecision(const ModelVersion& version) const override {
    if (options_.tagger.precision != "auto" || version.is_base()) return std::nullopt;
    return fintag::ChosenPrecision(registry_.Folder(version), options_.tagger);
  }

 private:
  absl::Status BeginLoad(std::shared_ptr<Slot> slot) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    std::erase_if(loads_, [](const std::future<void>& load) {
      return load.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
    });
    try {
      // Moved on: a load that is done must not keep its model in memory.
      loads_.push_back(
          std::async(std::launch::async, [this, slot = std::move(slot)]() mutable { LoadInto(std::move(slot)); }));
    } catch (const std::system_error& error) {
      return absl::ResourceExhaustedError(StrCat("no thread to load a model: ", error.what()));
    }
    return absl::OkStatus();
  }

  // Whoever wants this version waits for the slot.
  void LoadInto(std::shared_ptr<Slot> slot) {
    const auto start = std::chrono::steady_clock::now();
    absl::StatusOr<std::shared_ptr<const LoadedModel>> model = Load(slot->version);
    ReturnFreeMemory();
    // Forget comes behind each deletion, but it cannot have seen a slot made after it. A load that met a deletion
    // failed for that, not for damage.
    const absl::Status there = registry_.CheckStillThere(slot->version);
    if (absl::IsNotFound(there) || (model.ok() && !there.ok())) model = there;
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    std::vector<std::shared_ptr<Slot>> dropped;
    Settle(slot, model, dropped);
    // Afterwards: whatever an observer meets, nobody waits for the slot any more.
    if (observers_.on_load) observers_.on_load(slot->version, ReportOf(model, seconds.count()));
    for (const std::shared_ptr<Slot>& other : dropped) {
      if (observers_.on_make_room) observers_.on_make_room(other->version);
    }
  }

  static LoadReport ReportOf(const absl::StatusOr<std::shared_ptr<const LoadedModel>>& model, double seconds) {
    if (!model.ok()) return {.status = model.status(), .seconds = seconds};
    const Tagger& tagger = (*model)->scheduler->tagger();
    return {.precision = tagger.precision(), .bytes = tagger.memory_bytes(), .seconds = seconds};
  }

  // Gives the slot what its load came to, and fills `dropped` with those who made room for it.
  void Settle(const std::shared_ptr<Slot>& slot, const absl::StatusOr<std::shared_ptr<const LoadedModel>>& model,
              std::vector<std::shared_ptr<Slot>>& dropped) {
    absl::MutexLock lock(&mutex_);
    slot->ready = true;
    slot->status = model.status();
    const auto place = slots_.find(slot->version.name());
    const bool current = place != slots_.end() && place->second == slot;  // not forgotten or unloaded meanwhile
    if (model.ok()) {
      slot->model = *model;
      if (current) not_ready_.erase(slot->version.name());
      DropUnused(*slot, dropped);
    } else if (current) {
      not_ready_[slot->version.name()] = model.status();
      slots_.erase(place);  // the next request tries again
    }
  }

  absl::StatusOr<std::shared_ptr<const LoadedModel>> Load(const ModelVersion& version) const {
    // Whatever happens here, the slot must become ready: others wait for it.
    try {
      absl::StatusOr<std::unique_ptr<Tagger>> tagger = load_(version, registry_.Folder(version), options_.tagger);
      if (!tagger.ok()) return tagger.status();
      std::shared_ptr<LoadedModel> model(new LoadedModel, [](LoadedModel* unloaded) {
        delete unloaded;
        ReturnFreeMemory();
      });
      model->version = version;
      model->statistics = VersionStatistics::Create();
      // Not by `this`: a handle may outlive it.
      model->scheduler = TagScheduler::Start(
          std::move(*tagger), options_.scheduler,
          {[on_batch = observers_.on_batch, statistics = model->statistics, version](const BatchReport& report) {
             statistics->OnBatch(report);
             if (on_batch) on_batch(version, report);
           },
           [on_drop = observers_.on_drop, version](const DroppedRequest& dropped) {
             if (on_drop) on_drop(version, dropped);
           }});
      return model;
    } catch (const std::bad_alloc&) {
      return absl::ResourceExhaustedError(StrCat("the server has not enough memory to load ", version.name(),
                                                 ": try again when other models are idle"));
    } catch (const std::exception& error) {
      return absl::ResourceExhaustedError(StrCat("cannot load ", version.name(), ": ", error.what()));
    }
  }

  // Makes room for `newest`, which stays however large it is, by the versions unused for longest.
  void DropUnused(const Slot& newest, std::vector<std::shared_ptr<Slot>>& dropped)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    int64_t bytes = 0;
    for (const auto& [name, slot] : slots_) bytes += BytesOf(*slot);
    while (bytes > options_.max_memory_bytes) {
      auto oldest = slots_.end();
      for (auto place = slots_.begin(); place != slots_.end(); ++place) {
        const Slot& slot = *place->second;
        if (!slot.ready || &slot == &newest) continue;
        if (oldest == slots_.end() || slot.last_use < oldest->second->last_use) oldest = place;
      }
      if (oldest == slots_.end()) return;
      bytes -= BytesOf(*oldest->second);
      dropped.push_back(oldest->second);
      slots_.erase(oldest);
    }
  }

  ModelRegistry& registry_;
  const LoadedModelsOptions options_;
  const ModelObservers observers_;
  const TaggerLoader load_;
  mutable absl::Mutex mutex_;
  std::map<std::string, std::shared_ptr<Slot>> slots_ ABSL_GUARDED_BY(mutex_);  // by version name
  std::map<std::string, absl::Status> not_ready_ ABSL_GUARDED_BY(mutex_);       // alike; why
  int64_t uses_ ABSL_GUARDED_BY(mutex_) = 0;
  // Under way, or done since the latest began. Last: they use everything above.
  std::vector<std::future<void>> loads_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<LoadedModels> LoadedModels::Create(ModelRegistry& registry, const LoadedModelsOptions& options,
                                                   ModelObservers observers, TaggerLoader load) {
  return std::make_unique<Models>(registry, options, std::move(observers), std::move(load));
}

}  // namespace fintag::server
