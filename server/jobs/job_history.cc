#include "server/jobs/job_history.h"

#include <type_traits>
#include <variant>

#include "core/training/epoch_list.h"

namespace fintag::server {

void JobHistory::Add(const Event& event) {
  progress.last_sequence = event.sequence;
  curve.Add(event);
  std::visit(
      [this](const auto& what) {
        using What = std::decay_t<decltype(what)>;
        if constexpr (std::is_same_v<What, StateChanged>) {
          if (what.state == "VALIDATING") {
            ++starts;
            failed.reset();  // of the trainer before, as is the next
            finished.reset();
          }
          if (IsFinalState(what.state)) final_state = what;
        } else if constexpr (std::is_same_v<What, TrainingStart>) {
          started = true;
          progress.word_lookup = what.word_lookup;
        } else if constexpr (std::is_same_v<What, TrainingProgress>) {
          progress.latest = what;
        } else if constexpr (std::is_same_v<What, EpochResult>) {
          AddEpoch(what, progress.epochs);
        } else if constexpr (std::is_same_v<What, TrainingFinished>) {
          finished = what;
        } else {
          failed = what;
        }
      },
      event.what);
}

const EpochResult* JobHistory::KeptEpoch(KeepCheckpoint keep) const {
  const EpochResult* kept = nullptr;
  for (const EpochResult& epoch : progress.epochs) {
    const bool takes_over =
        finished ? epoch.epoch == finished->kept_epoch : keep == KeepCheckpoint::kLast || epoch.best;
    if (takes_over) kept = &epoch;
  }
  return kept;
}

}  // namespace fintag::server
