// What fake_trainer does, told by the seed in its job's options.
#pragma once

#include <cstdint>

namespace fintag::server {

enum class FakeTrainer : uint64_t {
  kSucceed = 1,      // two epochs, the first the best; the base's files become the checkpoint
  kFail,             // says why and exits with 1
  kKillItself,       // SIGKILL after the start
  kExitSilently,     // prints two lines, exits with 3
  kRunUntilTold,     // one epoch, then progress until SIGTERM, which ends it as fintag-train would
  kIgnoreSigterm,    // the same, but deaf
  kHangBeforeEpoch,  // deaf as well, and no epoch was finished
  kHangBeforeEvent,  // deaf as well; the first checkpoint is written, with a record of it, but no event says so
  kWaitForFile,      // as kSucceed, but between the epochs it waits until the file `go` is in its folder
  kDamageLog,        // writes a bad line with others behind it, then runs on
  kSpoilCheckpoint,  // as kSucceed, but what it writes is no checkpoint
  kKillItselfOnce,   // SIGKILL after the first epoch; started again it goes on with the second, as fintag-train would
  kLoseRank,         // says that one of several trainers was lost and exits with 1
};

}  // namespace fintag::server
