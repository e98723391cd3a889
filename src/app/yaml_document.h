// Parses one YAML document from untrusted text.
#ifndef STAGELOG_APP_YAML_DOCUMENT_H_
#define STAGELOG_APP_YAML_DOCUMENT_H_

#include <yaml-cpp/yaml.h>

#include <string>

#include "app/yaml_value.h"

namespace stagelog {

// The document in `yaml`; an empty one if there is none. Records a problem if it is not valid YAML
// or has more than one document.
YAML::Node ParseYamlDocument(const std::string& yaml, YamlProblems& problems);

}  // namespace stagelog

#endif  // STAGELOG_APP_YAML_DOCUMENT_H_
