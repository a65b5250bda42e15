#include "server/security/audit_chain.h"

#include <openssl/evp.h>

#include <new>
#include <nlohmann/json.hpp>
#include <regex>

#include "absl/strings/escaping.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "core/text/strings.h"

namespace fintag::server {
namespace {

constexpr std::string_view kHashField = ",\"hash\":\"";
constexpr size_t kHashDigits = 64;
constexpr size_t kTailBytes = kHashField.size() + kHashDigits + 2;  // ,"hash":"..."}
constexpr size_t kLongestField = 200;

std::string Sha256Of(std::string_view text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  // It fails for want of memory alone.
  if (EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha256(), nullptr) != 1) throw std::bad_alloc();
  return absl::BytesToHexString({reinterpret_cast<const char*>(digest), size});
}

std::string Cut(const std::string& text) {
  // As JSON a byte takes six at most, so that no line is too long.
  return text.size() <= kLongestField ? text : text.substr(0, kLongestField) + "...";
}

}  // namespace

std::string AuditedName(std::string_view name) {
  static const std::regex form("(datasets|jobs|models)/[a-z0-9][a-z0-9-]{0,62}(/versions/[0-9]{1,19})?");
  // std::regex is recursive: a long name is none.
  return name.size() <= 128 && std::regex_match(name.begin(), name.end(), form) ? std::string(name) : "";
}

std::string AuditLine(const AuditEntry& entry, AuditLink& link) {
  nlohmann::ordered_json json;
  json["sequence"] = link.sequence + 1;
  json["time"] = absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", absl::Now(), absl::UTCTimeZone());
  json["caller"] = Cut(entry.caller);
  json["peer"] = Cut(entry.peer);
  json["method"] = Cut(entry.method);
  json["resource"] = Cut(entry.resource);
  json["code"] = Cut(entry.code);
  json["trace_id"] = Cut(entry.trace_id);
  json["detail"] = Cut(entry.detail);
  json["previous"] = link.hash;
  std::string line = json.dump(-1, ' ', /*ensure_ascii=*/true, nlohmann::json::error_handler_t::replace);
  line.pop_back();  // the brace
  link = {link.sequence + 1, Sha256Of(line)};
  return StrCat(line, kHashField, link.hash, "\"}\n");
}

absl::Status FollowAuditLine(std::string_view line, AuditLink& link) {
  if (line.size() < kTailBytes || line.substr(line.size() - kTailBytes, kHashField.size()) != kHashField) {
    return absl::DataLossError("it does not end with its hash");
  }
  const std::string_view hashed = line.substr(0, line.size() - kTailBytes);
  const std::string hash = Sha256Of(hashed);
  if (line.substr(line.size() - kTailBytes + kHashField.size()) != hash + "\"}") {
    return absl::DataLossError("its hash is not that of its content");
  }
  const nlohmann::json json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("sequence") || !json["sequence"].is_number_integer() ||
      !json.contains("previous") || !json["previous"].is_string()) {
    return absl::DataLossError("it has no sequence number or no previous hash");
  }
  const auto sequence = json["sequence"].get<int64_t>();
  if (link.sequence >= 0 && sequence != link.sequence + 1) {
    return absl::DataLossError(StrCat("entry ", sequence, " stands where ", link.sequence + 1, " should"));
  }
  if (link.sequence >= 0 && json["previous"].get<std::string>() != link.hash) {
    return absl::DataLossError("its previous hash is not that of the entry before it");
  }
  link = {sequence, hash};
  return absl::OkStatus();
}

}  // namespace fintag::server
