#include "server/jobs/trainer_run.h"

#include <string.h>

#include "core/text/strings.h"

namespace fintag::server {

std::string WorkerExit::Describe() const {
  if (!reason.empty()) return reason;
  if (signal != 0) {
    const char* name = sigabbrev_np(signal);
    return name == nullptr ? StrCat("killed by signal ", signal)
                           : StrCat("killed by signal ", signal, " (SIG", name, ")");
  }
  if (exit_code >= 0) return StrCat("exited with status ", exit_code);
  return "ended with a status that nobody saw";
}

}  // namespace fintag::server
