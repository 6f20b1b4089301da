// Makes the platform's own user, who may use its one database. The image runs this once, on an empty volume.
db.getSiblingDB(process.env.MONGODB_DATABASE).createUser({
  user: process.env.MONGODB_USER,
  pwd: process.env.MONGODB_PASSWORD,
  roles: [{ role: "readWrite", db: process.env.MONGODB_DATABASE }],
});
