"""Moving from pylantir, the predecessor: its configuration and its databases become ours.

    findings        what became of each key
    old_config      the JSON of 0.2 and of 0.4, read           -> OldConfig
    project         the REDCap project's dictionary, if it can be asked
    field_translation, source_translation                      -> source definition
    deployment_translation                                     -> relay.toml, template parameters
    translation     all of it, checked by our own loaders      -> Translation
    old_databases   its SQLite files, read only
    adoption        its worklist rows against our items        -> what to do with each
    accounts        its users
    command         ``mwl-cloud import-pylantir``

How pylantir behaves was read in its code (0.2.3 and 0.4.6); tests/integration/test_import_pylantir_package.py
runs it beside ours.
"""
