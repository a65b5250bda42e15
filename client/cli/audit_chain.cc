#include "client/cli/audit_chain.h"

#include <nlohmann/json.hpp>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "client/sha256.h"

namespace fintag::client {
namespace {

constexpr std::string_view kHashField = ",\"hash\":\"";
constexpr size_t kEndBytes = kHashField.size() + 64 + 2;  // ,"hash":"..."}

// Takes the line into `chain`, or says what is wrong with it.
std::string Follow(const std::string& line, AuditChain& chain) {
  const std::string_view text = line;
  if (text.size() < kEndBytes || text.substr(text.size() - kEndBytes, kHashField.size()) != kHashField) {
    return "it does not end with its hash";
  }
  Sha256 sha256;
  sha256.Update(text.substr(0, text.size() - kEndBytes));
  const std::string hash = sha256.Finish();
  if (text.substr(text.size() - kEndBytes + kHashField.size()) != hash + "\"}") {
    return "its hash is not that of its content";
  }
  const nlohmann::json json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  const auto has = [&](const char* name) { return json.is_object() && json.contains(name); };
  if (!has("sequence") || !json["sequence"].is_number_integer() || !has("previous") || !json["previous"].is_string() ||
      !has("time") || !json["time"].is_string()) {
    return "it has no sequence number, time or previous hash";
  }
  if (const auto sequence = json["sequence"].get<int64_t>(); sequence != chain.entries + 1) {
    return absl::StrCat("it is entry ", sequence, " where ", chain.entries + 1, " should stand");
  }
  if (json["previous"].get<std::string>() != chain.head) return "its previous hash is not that of the line before it";
  ++chain.entries;
  chain.head = hash;
  chain.last_time = json["time"].get<std::string>();
  if (chain.entries == 1) chain.first_time = chain.last_time;
  return "";
}

}  // namespace

AuditChain CheckAuditChain(std::istream& file, const std::string& known_head) {
  AuditChain chain;
  std::string line;
  while (std::getline(file, line)) {
    chain.reason =
        file.eof() ? "it is torn: its end is missing. The server cuts it off at its next start" : Follow(line, chain);
    if (!chain.reason.empty()) {
      chain.wrong_line = chain.entries + 1;
      return chain;
    }
    if (chain.head == known_head) chain.known_head_line = chain.entries;
  }
  return chain;
}

}  // namespace fintag::client
