// Structured logs on standard error: one line an event, plain text or JSON. Never any text of a user.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace fintag::server {

enum class LogFormat { kText, kJson };
enum class Severity { kInfo, kWarning, kError };

using LogFields = std::initializer_list<std::pair<std::string_view, std::string>>;

// Safe to use from many threads; each line is one write.
class Logger {
 public:
  explicit Logger(LogFormat format) : format_(format) {}
  void Write(Severity severity, std::string_view message, LogFields fields = {}) const;

 private:
  const LogFormat format_;
};

}  // namespace fintag::server
