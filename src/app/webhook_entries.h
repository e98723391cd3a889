// Parses webhooks.targets: who is sent which events.
#ifndef STAGELOG_APP_WEBHOOK_ENTRIES_H_
#define STAGELOG_APP_WEBHOOK_ENTRIES_H_

#include <optional>
#include <vector>

#include "app/yaml_value.h"
#include "core/webhook.h"

namespace stagelog {

// The entries of the list `value`: those of core/webhook.h, each with an `id`. A secret stands in
// it
// (`secret`), or is read now from a file (`secret_file`) or from an environment variable
// (`secret_env`), as tokens are. Notes what is wrong, and never repeats a secret. No value when
// `value` is no list.
std::optional<std::vector<Webhook>> ReadWebhookEntries(const YamlValue& value);

}  // namespace stagelog

#endif  // STAGELOG_APP_WEBHOOK_ENTRIES_H_
