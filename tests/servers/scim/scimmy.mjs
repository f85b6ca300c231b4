// SCIMMY behind its Express routers. Protocol, schemas, filters and PATCH are SCIMMY's; what is here is the least
// storage that it needs: one map for each kind of resource, with names that are unique whatever their case.
//
// Under Express 5 the routers' cast of startIndex and count is thrown away (they write to a query object that is made
// anew each time it is asked for), so every page is the first one: that server is here because of it.
import { createRequire } from "node:module";
import { randomUUID } from "node:crypto";

const { SCIM_MODULES, SCIM_TOKEN, SCIM_PORT } = process.env;
// The modules are not beside this file but where they were installed. All three as CommonJS, so that the routers and
// this file share one SCIMMY.
const require = createRequire(`${SCIM_MODULES}/package.json`);
const express = require("express");
const SCIMMY = require("scimmy");
const SCIMMYRouters = require("scimmy-routers").default;

class Shelf {
  records = new Map();
  idOfName = new Map();

  constructor(nameAttribute) {
    this.nameAttribute = nameAttribute;
  }

  nameOf(record) {
    return String(record[this.nameAttribute] ?? "").toLowerCase();
  }

  get(id) {
    const record = this.records.get(id);
    if (!record) throw new SCIMMY.Types.Error(404, null, `Resource ${id} not found`);
    return record;
  }

  put(id, data) {
    const before = id ? this.get(id) : undefined;
    const owner = this.idOfName.get(this.nameOf(data));
    if (owner && owner !== id) {
      throw new SCIMMY.Types.Error(409, "uniqueness", `${this.nameAttribute} is taken`);
    }
    if (before) this.idOfName.delete(this.nameOf(before));
    const now = new Date().toISOString();
    const record = {
      ...JSON.parse(JSON.stringify(data)),
      id: id ?? randomUUID(),
      meta: { created: before?.meta.created ?? now, lastModified: now },
    };
    this.records.set(record.id, record);
    this.idOfName.set(this.nameOf(record), record.id);
    return record;
  }

  delete(id) {
    this.idOfName.delete(this.nameOf(this.get(id)));
    this.records.delete(id);
  }
}

for (const [Resource, nameAttribute] of [
  [SCIMMY.Resources.User, "userName"],
  [SCIMMY.Resources.Group, "displayName"],
]) {
  const shelf = new Shelf(nameAttribute);
  SCIMMY.Resources.declare(Resource)
    .ingress((resource, data) => shelf.put(resource.id, data))
    .egress((resource) => {
      if (resource.id) return shelf.get(resource.id);
      const all = [...shelf.records.values()];
      return resource.filter ? resource.filter.match(all) : all;
    })
    .degress((resource) => shelf.delete(resource.id));
}
SCIMMY.Resources.User.extend(SCIMMY.Schemas.EnterpriseUser, false);

const application = express();
application.use(
  "/scim/v2",
  new SCIMMYRouters({
    type: "bearer",
    docUri: "https://example.com/",
    handler: (request) => {
      if (request.header("Authorization") !== `Bearer ${SCIM_TOKEN}`) throw new Error("the token is not valid");
      return "rollcall";
    },
  }),
);
application.listen(Number(SCIM_PORT), "127.0.0.1");
